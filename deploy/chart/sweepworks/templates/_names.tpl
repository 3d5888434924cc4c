{{- define "sweepworks.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 letters: what is added to it has to fit into 63. */}}
{{- define "sweepworks.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "sweepworks.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "sweepworks.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sweepworks.installation" -}}
{{- default (printf "%s-%s" .Release.Namespace (include "sweepworks.fullname" .)) .Values.trials.installation | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sweepworks.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What all pods of a release have, and no pod of another one: [root] */}}
{{- define "sweepworks.selector" -}}
app.kubernetes.io/part-of: sweepworks
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* [root, component] */}}
{{- define "sweepworks.componentSelector" -}}
{{- $root := index . 0 -}}
{{ include "sweepworks.selector" $root }}
app.kubernetes.io/name: {{ include "sweepworks.name" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* [root, component] */}}
{{- define "sweepworks.labels" -}}
{{- $root := index . 0 -}}
{{ include "sweepworks.componentSelector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}
