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

{{/* The namespaces that the operator watches, as a JSON list: take it with fromJsonArray. */}}
{{- define "backfleet.namespaces" -}}
{{- default (list .Release.Namespace) .Values.watchNamespaces | toJson -}}
{{- end -}}

{{/* Where `helm test` runs its batch: the release's namespace if that is watched, else the first that is. */}}
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

{{/* The evaluation Postgres' Secrets have keys of their own choosing; `keys` names those of an existing Secret. */}}
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

{{/* Refuses what cannot work before anything is created. */}}
{{- define "backfleet.checkValues" -}}
{{- if and .Values.database.existingSecret .Values.evaluationPostgres.enabled -}}
{{- fail "database.existingSecret and evaluationPostgres.enabled=true exclude each other: set evaluationPostgres.enabled=false to use your own Postgres, or leave database.existingSecret empty to try Backfleet out" -}}
{{- end -}}
{{- if not (or .Values.database.existingSecret .Values.evaluationPostgres.enabled) -}}
{{- fail "no database: name a Secret with your Postgres' URLs in database.existingSecret, or set evaluationPostgres.enabled=true to try Backfleet out" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.database.existingSecret (not .Values.networkPolicy.databasePeers) -}}
{{- fail "networkPolicy.enabled=true with your own Postgres needs networkPolicy.databasePeers: say where it is, for example [{ipBlock: {cidr: 10.0.0.5/32}}]" -}}
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

{{/* The roles that the migrations grant rights to; one that shares the operator's URL has all of them already. */}}
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

{{/* Empty where an own Postgres' administrator does the granting. */}}
{{- define "backfleet.databaseRole" -}}
{{- $named := index .root.Values.database.roles .role -}}
{{- ternary $named (default (printf "backfleet_%s" .role) $named) (not .root.Values.evaluationPostgres.enabled) -}}
{{- end -}}
