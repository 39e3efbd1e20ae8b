{{- define "viaduct.podTemplate" -}}
metadata:
  labels:
    {{- include "viaduct.labels" . | nindent 4 }}
    {{- with .Values.deployment.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := dict }}
  {{- if .Values.providers.file.enabled }}
  {{- $_ := set $annotations "checksum/dynamic" (.Values.providers.file.content | sha256sum) }}
  {{- end }}
  {{- with merge $annotations .Values.deployment.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "viaduct.serviceAccountName" . }}
  automountServiceAccountToken: true
  terminationGracePeriodSeconds: {{ .Values.deployment.terminationGracePeriodSeconds }}
  hostNetwork: {{ .Values.hostNetwork }}
  {{- with .Values.deployment.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.deployment.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.deployment.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.deployment.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.deployment.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: viaduct
      image: {{ include "viaduct.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "viaduct.arguments" . | nindent 8 }}
      {{- with .Values.env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- range $name := keys .Values.ports | sortAlpha }}
        {{- with index $.Values.ports $name }}
        - name: {{ $name }}
          containerPort: {{ .port }}
          protocol: {{ default "TCP" .protocol }}
          {{- with .hostPort }}
          hostPort: {{ . }}
          {{- end }}
        {{- if and .http3 (dig "enabled" false (default dict .http3)) }}
        - name: {{ $name }}-http3
          containerPort: {{ .port }}
          protocol: UDP
        {{- end }}
        {{- end }}
        {{- end }}
      startupProbe:
        {{- include "viaduct.ping" . | nindent 8 }}
        {{- toYaml .Values.startupProbe | nindent 8 }}
      readinessProbe:
        {{- include "viaduct.ping" . | nindent 8 }}
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      livenessProbe:
        {{- include "viaduct.ping" . | nindent 8 }}
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      {{- with .Values.deployment.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if or .Values.providers.file.enabled .Values.additionalVolumeMounts }}
      volumeMounts:
        {{- if .Values.providers.file.enabled }}
        - name: dynamic
          mountPath: /etc/viaduct/dynamic
          readOnly: true
        {{- end }}
        {{- with .Values.additionalVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with .Values.deployment.additionalContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.providers.file.enabled .Values.deployment.additionalVolumes }}
  volumes:
    {{- if .Values.providers.file.enabled }}
    - name: dynamic
      configMap:
        name: {{ include "viaduct.fullname" . }}-dynamic
    {{- end }}
    {{- with .Values.deployment.additionalVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- with .Values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "viaduct.selector" . | nindent 10 }}
    {{- end }}
{{- end }}

{{- define "viaduct.ping" -}}
httpGet:
  path: /ping
  port: traefik
  scheme: HTTP
{{- end }}
