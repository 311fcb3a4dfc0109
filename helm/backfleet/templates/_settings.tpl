{{/* The operator's settings as JSON: `operator/backfleet/settings.py` reads them and refuses unknown ones. */}}
{{- define "backfleet.settings" -}}
{{- $product := include "backfleet.image" . -}}
{{- $engines := dict -}}
{{- range $name, $engine := .Values.engines -}}
{{- $defaults := dict "image" $product "imagePullPolicy" $.Values.image.pullPolicy -}}
{{- $_ := set $engines $name (merge (dict) (default dict $engine) $defaults) -}}
{{- end -}}
{{- $recorder := dict
  "image" $product
  "imagePullPolicy" .Values.image.pullPolicy
  "secretName" (include "backfleet.recorderSecret" .)
  "secretKey" (include "backfleet.databaseKey" (dict "root" . "role" "recorder"))
  "patienceSeconds" .Values.backtests.recorderPatienceSeconds
  "startSeconds" .Values.backtests.recorderStartSeconds -}}
{{- $pullSecrets := list -}}
{{- range .Values.imagePullSecrets -}}{{- $pullSecrets = append $pullSecrets .name -}}{{- end -}}
{{- $pods := dict
  "serviceAccountName" (printf "%s-backtest" (include "backfleet.fullname" .))
  "imagePullSecrets" $pullSecrets -}}
{{- range list "nodeSelector" "tolerations" "limits" "recorderLimits" "resultsSizeLimit" "terminationGraceSeconds" "packSeconds" "runAsUser" -}}
{{- $_ := set $pods . (index $.Values.backtests .) -}}
{{- end -}}
{{- with .Values.backtests.priorityClassName -}}{{- $_ := set $pods "priorityClassName" . -}}{{- end -}}
{{- $settings := dict
  "installation" (include "backfleet.installation" .)
  "namespaces" (include "backfleet.namespaces" . | fromJsonArray)
  "imagePrefixes" .Values.backtests.imagePrefixes
  "volumeClaims" .Values.backtests.volumeClaims
  "ceilings" .Values.backtests.ceilings
  "engines" $engines
  "recorder" $recorder
  "pods" $pods -}}
{{- range list "maxConcurrent" "maxCombinations" "tickSeconds" "passSeconds" "resultGraceSeconds" "missingSeconds" "roomTimeoutSeconds" "neverStartedAttempts" -}}
{{- $_ := set $settings . (index $.Values.operator .) -}}
{{- end -}}
{{- $settings | toPrettyJson -}}
{{- end -}}
