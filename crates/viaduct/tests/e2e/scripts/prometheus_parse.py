"""Reads Prometheus's text on standard input with its own parser; prints `NAME LABELS-AS-JSON VALUE` per sample."""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(sample.name, json.dumps(sample.labels, sort_keys=True).replace(" ", ""), sample.value)
