{{/* Metadata of pods: [root, component] */}}
{{- define "sweepworks.podMetadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "sweepworks.labels" . | nindent 2 }}
  {{- with $root.Values.pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  sweepworks.io/configuration: {{ include "sweepworks.configuration" $root | sha256sum }}
  {{- with $root.Values.pods.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A change of these starts pods anew. */}}
{{- define "sweepworks.configuration" -}}
{{ include "sweepworks.instance" . }}
{{ include "sweepworks.environment" . }}
{{ toYaml .Values.tenantFile }}
{{- end -}}

{{/* The part of a pod's spec that is the same for all: [root, component, account or empty] */}}
{{- define "sweepworks.podSpec" -}}
{{- $root := index . 0 -}}
{{- $account := index . 2 -}}
{{- if $account }}
serviceAccountName: {{ $account }}
{{- end }}
automountServiceAccountToken: {{ has (index . 1) (list "code" "daemon" "webserver") }}
enableServiceLinks: false
securityContext:
  {{- include "sweepworks.podSecurity" $root | nindent 2 }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- include "sweepworks.placement" $root }}
{{- end -}}

{{- define "sweepworks.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "sweepworks.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "sweepworks.placement" -}}
{{- with .Values.pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Replicas on different nodes, in different zones: [root, component] */}}
{{- define "sweepworks.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sweepworks.componentSelector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* A container's image, security, variables and files: [root, list of secrets] */}}
{{- define "sweepworks.container" -}}
{{- $root := index . 0 -}}
image: {{ include "sweepworks.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  {{- include "sweepworks.containerSecurity" $root | nindent 2 }}
envFrom:
  - configMapRef:
      name: {{ include "sweepworks.fullname" $root }}-environment
  {{- range index . 1 }}
  {{- if . }}
  - secretRef:
      name: {{ . }}
  {{- end }}
  {{- end }}
volumeMounts:
  {{- include "sweepworks.mounts" $root | nindent 2 }}
{{- end -}}

{{/* Folders that can be written, and files of ours. */}}
{{- define "sweepworks.mounts" -}}
- name: home
  mountPath: /var/lib/sweepworks
- name: temporary
  mountPath: /tmp
- name: dagster-home
  mountPath: /opt/dagster/dagster_home
- name: instance
  mountPath: /opt/dagster/dagster_home/dagster.yaml
  subPath: dagster.yaml
  readOnly: true
- name: instance
  mountPath: /opt/dagster/dagster_home/workspace.yaml
  subPath: workspace.yaml
  readOnly: true
- name: tenants
  mountPath: /etc/sweepworks
  readOnly: true
{{- if .Values.expectations }}
- name: expectations
  mountPath: /etc/sweepworks-expectations
  readOnly: true
{{- end }}
{{- end -}}

{{- define "sweepworks.volumes" -}}
- name: home
  emptyDir: {}
- name: temporary
  emptyDir: {}
- name: dagster-home
  emptyDir: {}
- name: instance
  configMap:
    name: {{ include "sweepworks.fullname" . }}-instance
- name: tenants
  configMap:
    name: {{ include "sweepworks.fullname" . }}-tenants
{{- with .Values.expectations }}
- name: expectations
  configMap:
    name: {{ . }}
{{- end }}
{{- end -}}
