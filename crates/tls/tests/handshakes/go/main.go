// Compares the rows of acceptance.rs with Go's crypto/x509, which is what Traefik verifies with:
//
//	ACCEPTANCE_ROWS=/tmp/rows cargo test -p viaduct-tls --test handshakes acceptance
//	cd crates/tls/tests/handshakes/go && go run . /tmp/rows
//
// With Go 1.26 all rows agree but two, where Viaduct is stricter: a CA certificate used by a server
// without being trusted itself, and RSA keys of 1024 bits.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	rows, _ := filepath.Glob(filepath.Join(os.Args[1], "*"))
	for _, row := range rows {
		expected := read(row, "expected")
		err := verify(row)
		verdict := "agree "
		if (expected == "Ok(())") != (err == nil) {
			verdict = "DIFFER"
		}
		fmt.Printf("%s  %-45s  viaduct: %-22s  go: %v\n", verdict, filepath.Base(row), expected, err)
	}
}

func verify(row string) error {
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AppendCertsFromPEM([]byte(read(row, "roots")))
	options.DNSName = strings.Trim(strings.TrimSuffix(read(row, "host"), "."), "[]")
	var leaf *x509.Certificate
	rest := []byte(read(row, "chain"))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if leaf == nil {
			leaf = certificate
		} else {
			options.Intermediates.AddCert(certificate)
		}
	}
	_, err := leaf.Verify(options)
	return err
}

func read(row, name string) string {
	text, err := os.ReadFile(filepath.Join(row, name))
	if err != nil {
		panic(err)
	}
	return string(text)
}
