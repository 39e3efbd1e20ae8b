{{- /*
Options under a prefix, one a line, from a tree whose names are the options' own:
  include "viaduct.options" (dict "name" "entryPoints.web" "value" $tree)
Lists of texts are joined by commas, lists of trees are numbered, null is nothing.
*/ -}}
{{- define "viaduct.options" -}}
{{- $name := .name }}
{{- $value := .value }}
{{- if kindIs "map" $value }}
{{- range $key := keys $value | sortAlpha }}
{{- include "viaduct.options" (dict "name" (printf "%s.%s" $name $key) "value" (index $value $key)) }}
{{- end }}
{{- else if kindIs "slice" $value }}
{{- if empty $value }}
{{- else if kindIs "map" (first $value) }}
{{- range $index, $item := $value }}
{{- include "viaduct.options" (dict "name" (printf "%s[%d]" $name $index) "value" $item) }}
{{- end }}
{{- else }}
{{- printf "--%s=%s\n" $name (join "," $value) }}
{{- end }}
{{- else if kindIs "float64" $value }}
{{- if eq (floor $value) $value }}
{{- printf "--%s=%d\n" $name (int64 $value) }}
{{- else }}
{{- printf "--%s=%v\n" $name $value }}
{{- end }}
{{- else if kindIs "invalid" $value }}
{{- else if not (and (kindIs "string" $value) (empty $value)) }}
{{- printf "--%s=%v\n" $name $value }}
{{- end }}
{{- end }}

{{- /* As above, for a section with a field `enabled`, which is its switch. */ -}}
{{- define "viaduct.section" -}}
{{- if .value.enabled }}
{{- printf "--%s=true\n" .name }}
{{- include "viaduct.options" (dict "name" .name "value" (omit .value "enabled")) }}
{{- end }}
{{- end }}

{{- define "viaduct.entryPoint" -}}
{{- $name := printf "entryPoints.%s" .name }}
{{- $port := .port }}
{{- $protocol := default "TCP" $port.protocol | lower }}
{{- printf "--%s.address=:%d/%s\n" $name (int64 $port.port) $protocol }}
{{- $options := pick $port "http" "http2" "transport" "forwardedHeaders" "proxyProtocol" "observability" "udp" "asDefault" "reusePort" }}
{{- $http := default dict $port.http }}
{{- with $port.http3 }}
{{- include "viaduct.section" (dict "name" (printf "%s.http3" $name) "value" .) }}
{{- end }}
{{- with $http.tls }}
{{- include "viaduct.section" (dict "name" (printf "%s.http.tls" $name) "value" .) }}
{{- end }}
{{- $options = merge (dict "http" (omit $http "tls")) (omit $options "http") }}
{{- include "viaduct.options" (dict "name" $name "value" $options) }}
{{- end }}

{{- define "viaduct.provider" -}}
{{- $name := printf "providers.%s" .name }}
{{- $provider := .provider }}
{{- if $provider.enabled }}
{{- printf "--%s=true\n" $name }}
{{- include "viaduct.options" (dict "name" $name "value" (omit $provider "enabled" "publishedService" "namespaces" "ingressClass")) }}
{{- $class := default "" $provider.ingressClass }}
{{- if and (empty $class) .root.Values.ingressClass.enabled (ne .root.Values.ingressClass.name "traefik") }}
{{- $class = .root.Values.ingressClass.name }}
{{- end }}
{{- include "viaduct.options" (dict "name" (printf "%s.ingressClass" $name) "value" $class) }}
{{- $namespaces := $provider.namespaces | default list }}
{{- if and .root.Values.rbac.namespaced (empty $namespaces) }}
{{- $namespaces = list .root.Release.Namespace }}
{{- end }}
{{- include "viaduct.options" (dict "name" (printf "%s.namespaces" $name) "value" $namespaces) }}
{{- if and .root.Values.rbac.namespaced (not (hasKey $provider "disableClusterScopeResources")) }}
{{- printf "--%s.disableClusterScopeResources=true\n" $name }}
{{- end }}
{{- with $provider.publishedService }}
{{- $own := printf "%s/%s" $.root.Release.Namespace (include "viaduct.fullname" $.root) }}
{{- $read := or (empty $namespaces) (has $.root.Release.Namespace $namespaces) }}
{{- $service := default (ternary $own "" $read) .pathOverride }}
{{- if and .enabled $service }}
{{- printf "--%s.ingressEndpoint.publishedService=%s\n" $name $service }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "viaduct.accessLog" -}}
{{- with .Values.logs.access }}
{{- if .enabled }}
{{- print "--accessLog=true\n" }}
{{- include "viaduct.options" (dict "name" "accessLog" "value" (omit . "enabled" "fields")) }}
{{- with .fields }}
{{- with .general }}
{{- include "viaduct.options" (dict "name" "accessLog.fields" "value" .) }}
{{- end }}
{{- include "viaduct.options" (dict "name" "accessLog.fields" "value" (omit . "general")) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "viaduct.lines" -}}
{{- with .Values.global }}
{{- include "viaduct.options" (dict "name" "global" "value" (pick . "checkNewVersion" "sendAnonymousUsage")) }}
{{- end }}
{{- range .Values.globalArguments }}
{{- printf "%s\n" . }}
{{- end }}
{{- range $name := keys .Values.ports | sortAlpha }}
{{- with index $.Values.ports $name }}
{{- include "viaduct.entryPoint" (dict "name" $name "port" .) }}
{{- end }}
{{- end }}
{{- print "--ping=true\n--ping.entryPoint=traefik\n" }}
{{- if .Values.ingressRoute.dashboard.enabled }}
{{- print "--api=true\n--api.dashboard=true\n" }}
{{- include "viaduct.options" (dict "name" "api" "value" (omit .Values.api "dashboard")) }}
{{- else if or .Values.api.dashboard .Values.api.insecure }}
{{- print "--api=true\n" }}
{{- include "viaduct.options" (dict "name" "api" "value" .Values.api) }}
{{- end }}
{{- range $name := list "kubernetesCRD" "kubernetesIngress" }}
{{- include "viaduct.provider" (dict "name" $name "provider" (dig $name dict $.Values.providers) "root" $) }}
{{- end }}
{{- with .Values.providers.file }}
{{- if .enabled }}
{{- printf "--providers.file.directory=/etc/viaduct/dynamic\n--providers.file.watch=%v\n" .watch }}
{{- end }}
{{- end }}
{{- with .Values.metrics.prometheus }}
{{- print "--metrics.prometheus=true\n" }}
{{- include "viaduct.options" (dict "name" "metrics.prometheus" "value" .) }}
{{- end }}
{{- include "viaduct.section" (dict "name" "metrics.otlp" "value" .Values.metrics.otlp) }}
{{- if .Values.tracing.otlp.enabled }}
{{- include "viaduct.section" (dict "name" "tracing.otlp" "value" .Values.tracing.otlp) }}
{{- include "viaduct.options" (dict "name" "tracing" "value" (omit .Values.tracing "otlp")) }}
{{- end }}
{{- include "viaduct.options" (dict "name" "log" "value" .Values.logs.general) }}
{{- include "viaduct.accessLog" . }}
{{- include "viaduct.section" (dict "name" "ocsp" "value" .Values.ocsp) }}
{{- include "viaduct.options" (dict "name" "bridge" "value" .Values.bridge) }}
{{- include "viaduct.options" (dict "name" "viaduct" "value" .Values.viaduct) }}
{{- range .Values.additionalArguments }}
{{- printf "%s\n" . }}
{{- end }}
{{- end }}

{{- /* Whether the arguments let Namespaces demand more, by whichever value they do: the last one counts. Empty: no. */ -}}
{{- define "viaduct.namespaceLabels" -}}
{{- $heeded := "" }}
{{- range include "viaduct.lines" . | splitList "\n" }}
{{- if regexMatch "(?i)^--bridge\\.namespaceLabels(=|$)" . }}
{{- $heeded = ternary "true" "" (regexMatch "(?i)^[^=]*(=(true|t|1))?$" .) }}
{{- end }}
{{- end }}
{{- $heeded }}
{{- end }}

{{- /* The arguments of the container, as a list in YAML. */ -}}
{{- define "viaduct.arguments" -}}
{{- $lines := include "viaduct.lines" . | trimSuffix "\n" | splitList "\n" }}
{{- toYaml $lines }}
{{- end }}
