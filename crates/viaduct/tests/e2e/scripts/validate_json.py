"""Validates JSON documents, one a line on standard input, against the schema whose path is given."""
import json
import sys

import jsonschema

with open(sys.argv[1]) as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
count = 0
for line in sys.stdin:
    count += 1
    for error in validator.iter_errors(json.loads(line)):
        print(f"document {count}: {error.json_path}: {error.message[:300]}")
print(f"validated {count}")
