{{/* Names: at most 40 characters, so that every suffix below fits in 63 (a StatefulSet's in 52). */}}
{{- define "backfleet.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Call with (dict "root" $ "component" "operator"). */}}
{{- define "backfleet.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "backfleet.labels" -}}
{{ include "backfleet.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: backfleet
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image's reference; call with (dict "image" .Values.image "tag" defaultTag). */}}
{{- define "backfleet.imageReference" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .tag .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "backfleet.image" -}}
{{- include "backfleet.imageReference" (dict "image" .Values.image "tag" .Chart.AppVersion) -}}
{{- end -}}

{{- define "backfleet.installation" -}}
{{- default (printf "%s/%s" .Release.Namespace .Release.Name) .Values.installation -}}
{{- end -}}

{{/* The namespaces that the operator watches, as a JSON list. Read it with fromJsonArray. */}}
{{- define "backfleet.namespaces" -}}
{{- default (list .Release.Namespace) .Values.watchNamespaces | toJson -}}
{{- end -}}

{{/* The namespace for the batch of `helm test`: the release's if it is watched, else the first watched one. */}}
{{- define "backfleet.testNamespace" -}}
{{- $namespaces := include "backfleet.namespaces" . | fromJsonArray -}}
{{- ternary .Release.Namespace (first $namespaces) (has .Release.Namespace $namespaces) -}}
{{- end -}}

{{/* The Secret with the URLs of operator and API, and the one with the recorder's, which backtests refer to. */}}
{{- define "backfleet.databaseSecret" -}}
{{- default (printf "%s-database" (include "backfleet.fullname" .)) .Values.database.existingSecret -}}
{{- end -}}

{{- define "backfleet.recorderSecret" -}}
{{- default (printf "%s-recorder" (include "backfleet.fullname" .)) .Values.database.existingSecret -}}
{{- end -}}

{{/* The key of a URL. The Secrets of the evaluation Postgres have fixed keys; `keys` names those of an existing Secret. */}}
{{- define "backfleet.databaseKey" -}}
{{- if .root.Values.database.existingSecret -}}
{{- index .root.Values.database.keys .role -}}
{{- else -}}
{{- printf "%s-url" .role -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the token of callers that write. */}}
{{- define "backfleet.tokenSecret" -}}
{{- default (printf "%s-api-token" (include "backfleet.fullname" .)) .Values.api.token.existingSecret -}}
{{- end -}}

{{- define "backfleet.tokenKey" -}}
{{- ternary .Values.api.token.key "token" (ne .Values.api.token.existingSecret "") -}}
{{- end -}}

{{/* Fails for values that cannot work, before anything is created. */}}
{{- define "backfleet.checkValues" -}}
{{- if and .Values.database.existingSecret .Values.evaluationPostgres.enabled -}}
{{- fail "database.existingSecret and evaluationPostgres.enabled=true exclude each other. Set evaluationPostgres.enabled=false to use your own Postgres, or leave database.existingSecret empty to try Backfleet out" -}}
{{- end -}}
{{- if not (or .Values.database.existingSecret .Values.evaluationPostgres.enabled) -}}
{{- fail "expected a database, got none. Set database.existingSecret to a Secret with your Postgres' URLs, or evaluationPostgres.enabled=true to try Backfleet" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.database.existingSecret (not .Values.networkPolicy.databasePeers) -}}
{{- fail "networkPolicy.enabled=true with your own Postgres needs networkPolicy.databasePeers. Set it to your Postgres, for example [{ipBlock: {cidr: 10.0.0.5/32}}]" -}}
{{- end -}}
{{- end -}}

{{/* Pod settings that operator, API and evaluation Postgres share; call with (dict "root" $ "values" .Values.api). */}}
{{- define "backfleet.placement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "backfleet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "backfleet.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* A database URL as a variable; call with (dict "root" $ "role" "operator" "variable" NAME). */}}
{{- define "backfleet.databaseVariable" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ include "backfleet.databaseSecret" .root }}
      key: {{ include "backfleet.databaseKey" . }}
{{- end -}}

{{/* The roles that the migrations grant rights to. A role that shares the operator's URL already has all rights. */}}
{{- define "backfleet.grantVariables" -}}
{{- range $role := list "recorder" "api" -}}
{{- $isOperators := eq (include "backfleet.databaseKey" (dict "root" $ "role" $role)) (include "backfleet.databaseKey" (dict "root" $ "role" "operator")) -}}
{{- with include "backfleet.databaseRole" (dict "root" $ "role" $role) -}}
{{- if not $isOperators }}
- name: BACKFLEET_DB_ROLE_{{ upper $role }}
  value: {{ . }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name of a role. Empty if the administrator of your own Postgres grants the rights. */}}
{{- define "backfleet.databaseRole" -}}
{{- $named := index .root.Values.database.roles .role -}}
{{- ternary $named (default (printf "backfleet_%s" .role) $named) (not .root.Values.evaluationPostgres.enabled) -}}
{{- end -}}
