{{/* What follows from the values and the cluster. Each gives a text; nothing is "no". */}}

{{- define "lookaside.isOpenShift" -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}yes{{ end -}}
{{- end -}}

{{/* The Secret with the certificate. */}}
{{- define "lookaside.tlsSecret" -}}
{{- if .Values.tls.secret -}}
{{ .Values.tls.secret }}
{{- else if .Values.tls.servingCertificate -}}
{{ include "lookaside.fullname" . }}-serving-certificate
{{- end -}}
{{- end -}}

{{- define "lookaside.servicePort" -}}
{{- if .Values.service.port }}{{ .Values.service.port }}{{ else if include "lookaside.tlsSecret" . }}443{{ else }}80{{ end -}}
{{- end -}}

{{- define "lookaside.termination" -}}
{{- if .Values.expose.termination }}{{ .Values.expose.termination }}{{ else if include "lookaside.tlsSecret" . }}reencrypt{{ else }}edge{{ end -}}
{{- end -}}

{{/* The public address, for the page of the store. */}}
{{- define "lookaside.url" -}}
{{- with .Values.expose -}}
{{- if and .kind .host -}}
{{ if and (eq .kind "Ingress") (not .tlsSecret) }}http{{ else }}https{{ end }}://{{ .host }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The port of a URL, or of an address as git has them for ssh. */}}
{{- define "lookaside.portOf" -}}
{{- $url := lower . -}}
{{- $port := regexFind "^[a-z]+://[^/?#]*:[0-9]+([/?#]|$)" $url | regexFind ":[0-9]+([/?#]|$)" | regexFind "[0-9]+" -}}
{{- if $port -}}{{ $port }}
{{- else if hasPrefix "https://" $url -}}443
{{- else if hasPrefix "http://" $url -}}80
{{- else if hasPrefix "git://" $url -}}9418
{{- else -}}22
{{- end -}}
{{- end -}}

{{/* The ports of receivers of events, as a list; of those whose addresses are in a Secret, that of HTTPS. */}}
{{- define "lookaside.notifyPorts" -}}
{{- $ports := list -}}
{{- with index .Values.config "notify-url" -}}
{{- range ternary . (list .) (kindIs "slice" .) -}}
{{- $ports = append $ports (include "lookaside.portOf" .) -}}
{{- end -}}
{{- end -}}
{{- if .Values.notify.url.secret -}}
{{- $ports = append $ports "443" -}}
{{- end -}}
{{- range uniq $ports }}
- port: {{ . }}
{{- end -}}
{{- end -}}

{{/* Peers pass the webhook on: without one there is nothing to pass. */}}
{{- define "lookaside.hasPeers" -}}
{{- if and .Values.peers .Values.webhook.secret }}yes{{ end -}}
{{- end -}}

{{- define "lookaside.hasKeys" -}}
{{- with .Values.keys }}{{ if or .configMaps .secrets .inline }}yes{{ end }}{{ end -}}
{{- end -}}

{{/* docs/operations.md, Sizing: 200 MB and 2 kB a signature; as a limit, 400 MB and 3 kB. No limit of processor time, which would hold up TLS. */}}
{{- define "lookaside.resources" -}}
{{- if .Values.resources -}}
{{ toYaml .Values.resources }}
{{- else -}}
{{- $n := int64 .Values.signatures -}}
requests:
  cpu: 100m
  memory: {{ max 256 (div (add 200000000 (mul $n 2000) 1048575) 1048576) }}Mi
  ephemeral-storage: {{ .Values.stateGiB }}Gi
limits:
  memory: {{ div (add 400000000 (mul $n 3000) 1048575) 1048576 }}Mi
{{- end -}}
{{- end -}}

{{/* Whether the objects of the Prometheus operator are made. */}}
{{- define "lookaside.hasOperator" -}}
{{- $mode := .Values.monitoring.renderMode -}}
{{- if or (eq $mode "alwaysRender") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}
yes
{{- else if eq $mode "failIfMissing" -}}
{{- fail "monitoring.renderMode is failIfMissing, and the cluster has no monitoring.coreos.com/v1: install the Prometheus operator, or say skipIfMissing" -}}
{{- end -}}
{{- end -}}

{{/* The text of the configuration file. */}}
{{- define "lookaside.configFile" -}}
{{- if .Values.config -}}
{{ toYaml .Values.config }}
{{- else -}}
# Options of `lookaside serve`, as docs/configuration.md has them; all others are in the Deployment.
{{- end -}}
{{- end -}}
