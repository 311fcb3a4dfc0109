{{/* The StatefulSet of the evaluation Postgres in the cluster. Empty on a fresh install, and if lookups do not work. */}}
{{- define "backfleet.postgresFound" -}}
{{- $name := printf "%s-postgres" (include "backfleet.fullname" .) -}}
{{- lookup "apps/v1" "StatefulSet" .Release.Namespace $name | toJson -}}
{{- end -}}

{{/* The volume of the evaluation Postgres: "claim"; "none" by the values; or "kept": none, since an upgrade cannot add one. */}}
{{- define "backfleet.postgresStorage" -}}
{{- $found := include "backfleet.postgresFound" . | fromJson -}}
{{- $wanted := .Values.evaluationPostgres.persistence.enabled -}}
{{- if $found.spec -}}
{{- if $found.spec.volumeClaimTemplates -}}claim{{- else -}}{{- ternary "kept" "none" $wanted -}}{{- end -}}
{{- else -}}
{{- ternary "claim" "none" $wanted -}}
{{- end -}}
{{- end -}}

{{/* The claim's template: that of the cluster, since Kubernetes refuses any change, else that of the values. */}}
{{- define "backfleet.postgresClaim" -}}
{{- $found := include "backfleet.postgresFound" . | fromJson -}}
{{- $size := .Values.evaluationPostgres.persistence.size -}}
{{- $class := .Values.evaluationPostgres.persistence.storageClassName -}}
{{- if $found.spec -}}
{{- $spec := (first $found.spec.volumeClaimTemplates).spec -}}
{{- $size = $spec.resources.requests.storage -}}
{{- $class = default "" $spec.storageClassName -}}
{{- else -}}
{{- include "backfleet.checkStorageClass" . -}}
{{- end -}}
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  {{- with $class }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $size }}
{{- end -}}

{{/* Fails for a claim that would stay Pending: no class is named, and the cluster has no default class. */}}
{{- define "backfleet.checkStorageClass" -}}
{{- if not .Values.evaluationPostgres.persistence.storageClassName -}}
{{- $classes := lookup "storage.k8s.io/v1" "StorageClass" "" "" -}}
{{- $names := list -}}
{{- $hasDefault := false -}}
{{- range (default (dict) $classes).items -}}
{{- $names = append $names .metadata.name -}}
{{- $annotations := default (dict) .metadata.annotations -}}
{{- range list "storageclass.kubernetes.io/is-default-class" "storageclass.beta.kubernetes.io/is-default-class" -}}
{{- if eq (default "" (index $annotations .)) "true" -}}{{- $hasDefault = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $classes (not $hasDefault) -}}
{{- fail (printf "evaluationPostgres.persistence: the cluster has no default StorageClass (it has: %s), so it could never create the volume for results. Name a class in evaluationPostgres.persistence.storageClassName, or set evaluationPostgres.persistence.enabled=false to lose every result with the pod" (default "none" (join ", " $names))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
