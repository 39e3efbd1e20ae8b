{{- define "viaduct.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "viaduct.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "viaduct.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "viaduct.serviceAccountName" -}}
{{- default (include "viaduct.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- /* What never changes of a pod's labels. */ -}}
{{- define "viaduct.selector" -}}
app.kubernetes.io/name: {{ include "viaduct.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "viaduct.labels" -}}
{{ include "viaduct.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "viaduct.image" -}}
{{- $name := printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- with .Values.image.registry }}{{ printf "%s/%s" . $name }}{{ else }}{{ $name }}{{ end }}
{{- end }}

{{- /* The class that is made, which is one that is served. */ -}}
{{- define "viaduct.ingressClass" -}}
{{- $ingress := dig "kubernetesIngress" "ingressClass" "" .Values.providers }}
{{- coalesce .Values.ingressClass.name $ingress "traefik" }}
{{- end }}

{{- /* The namespaces that are served, as a list in JSON; empty: all. */ -}}
{{- define "viaduct.namespaces" -}}
{{- $all := list }}
{{- range $name := list "kubernetesCRD" "kubernetesIngress" }}
{{- $provider := dig $name dict $.Values.providers }}
{{- if $provider.enabled }}
{{- $all = concat $all ($provider.namespaces | default list) }}
{{- end }}
{{- end }}
{{- if and .Values.rbac.namespaced (empty $all) }}
{{- $all = list .Release.Namespace }}
{{- end }}
{{- $all | uniq | sortAlpha | toJson }}
{{- end }}
