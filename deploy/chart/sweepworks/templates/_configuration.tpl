{{/* Variables of all parts; nothing here is a secret. */}}
{{- define "sweepworks.environment" -}}
{{- $name := include "sweepworks.fullname" . -}}
SWEEPWORKS_NAMESPACE: {{ .Release.Namespace }}
SWEEPWORKS_IMAGE: {{ include "sweepworks.image" . }}
SWEEPWORKS_CODE_SERVER: {{ $name }}-code
SWEEPWORKS_GATEWAY_URL: http://{{ $name }}-gateway.{{ .Release.Namespace }}.svc:8787
{{- if .Values.ingress.enabled }}
SWEEPWORKS_PUBLIC_URL: https://{{ .Values.ingress.host }}
{{- end }}
SWEEPWORKS_TENANTS: /etc/sweepworks/tenants.yaml
{{- if .Values.expectations }}
SWEEPWORKS_EXPECTATIONS: /etc/sweepworks-expectations
{{- end }}
SWEEPWORKS_ARTIFACTS: {{ .Values.artifacts.url | quote }}
{{- with .Values.artifacts.endpoint }}
SWEEPWORKS_S3_ENDPOINT: {{ . | quote }}
{{- end }}
{{- with .Values.artifacts.encryption }}
SWEEPWORKS_S3_ENCRYPTION: {{ . | quote }}
{{- end }}
{{- with .Values.artifacts.region }}
AWS_REGION: {{ . | quote }}
AWS_DEFAULT_REGION: {{ . | quote }}
{{- end }}
SWEEPWORKS_LAUNCHER: kubernetes
SWEEPWORKS_K8S_INSTALLATION: {{ include "sweepworks.installation" . }}
SWEEPWORKS_K8S_NAMESPACE: {{ .Values.trials.namespace | quote }}
SWEEPWORKS_K8S_GPU_RESOURCE: {{ .Values.trials.gpuResource | quote }}
SWEEPWORKS_K8S_LAUNCHES_PER_SECOND: {{ .Values.trials.launchesPerSecond | quote }}
{{- if .Values.trials.kueue }}
SWEEPWORKS_K8S_ADMISSION: kueue
{{- end }}
{{- with .Values.trials.image }}
SWEEPWORKS_K8S_IMAGE: {{ . | quote }}
{{- end }}
{{- range $name, $value := .Values.environment }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* What deploy/dagster.yaml cannot know: names of this release, and what its pods look like. */}}
{{- define "sweepworks.instanceOverlay" -}}
run_launcher:
  config:
    service_account_name: {{ include "sweepworks.fullname" . }}-controllers
    instance_config_map: {{ include "sweepworks.fullname" . }}-instance
    env_config_maps: [{{ include "sweepworks.fullname" . }}-environment]
    env_secrets:
      - {{ .Values.secrets.database }}
      - {{ .Values.secrets.tokens }}
      {{- with .Values.secrets.s3 }}
      - {{ . }}
      {{- end }}
    image_pull_policy: {{ .Values.image.pullPolicy }}
    {{- with .Values.image.pullSecrets }}
    image_pull_secrets:
      {{- range . }}
      - name: {{ . }}
      {{- end }}
    {{- end }}
    labels:
      {{- include "sweepworks.selector" . | nindent 6 }}
      {{- with .Values.pods.labels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    run_k8s_config:
      container_config:
        resources:
          {{- toYaml .Values.controllers.resources | nindent 10 }}
        volume_mounts:
          {{- include "sweepworks.mounts" . | nindent 10 }}
      pod_spec_config:
        volumes:
          {{- include "sweepworks.volumes" . | nindent 10 }}
        {{- include "sweepworks.placement" . | nindent 8 }}
      {{- with .Values.pods.annotations }}
      pod_template_spec_metadata:
        annotations:
          {{- toYaml . | nindent 10 }}
      {{- end }}
{{- end -}}

{{- define "sweepworks.instance" -}}
{{- $file := .Files.Get "dagster.yaml" | fromYaml -}}
{{- $names := include "sweepworks.instanceOverlay" . | fromYaml -}}
{{- mustMergeOverwrite $file $names (deepCopy .Values.dagster) | toYaml -}}
{{- end -}}
