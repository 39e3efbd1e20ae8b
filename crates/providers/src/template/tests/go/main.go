// Reads rows of template and result on standard input and writes them with the results that Go's text/template
// and sprig give: go run . <../go.json >new && mv new ../go.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
	"unicode"

	"github.com/Masterminds/sprig/v3"
)

func normalize(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) }), "-")
}

func main() {
	os.Setenv("HOST", "web.example.com")
	os.Setenv("LIST", "a,b,c")
	funcs := sprig.TxtFuncMap()
	funcs["normalize"] = normalize
	funcs["split"] = strings.Split
	var rows [][]any
	if err := json.NewDecoder(os.Stdin).Decode(&rows); err != nil {
		panic(err)
	}
	fmt.Println("[")
	for index, row := range rows {
		text := row[0].(string)
		var out bytes.Buffer
		tmpl, err := template.New("f").Funcs(funcs).Parse(text)
		if err == nil {
			err = tmpl.Execute(&out, false)
		}
		result := []any{text, out.String()}
		if err != nil {
			result[1] = nil
			fmt.Fprintln(os.Stderr, text, "=>", err)
		}
		line, _ := json.Marshal(result)
		line = bytes.ReplaceAll(bytes.ReplaceAll(bytes.ReplaceAll(line, []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">")), []byte(`\u0026`), []byte("&"))
		if index > 0 {
			fmt.Println(",")
		}
		fmt.Print(string(line))
	}
	fmt.Println("\n]")
}
