{{/* What values.schema.json cannot say. All faults at once. */}}
{{- define "lookaside.validate" -}}
{{- $faults := list -}}
{{- if not .Values.source -}}
{{- $faults = append $faults "source is missing: expected the git URL of the signature repository, as in --set source=https://git.example.com/team/signatures.git" -}}
{{- else if not (regexMatch "^(https?|ssh|git)://[^\\s]+$|^[^\\s/@:-][^\\s/:@]*@[^\\s/:]+:[^\\s]+$" .Values.source) -}}
{{- $faults = append $faults (printf "source: expected a git URL, as https://git.example.com/team/signatures.git or git@git.example.com:team/signatures.git, got %q" .Values.source) -}}
{{- else if regexMatch "^https?://[^/]*@|^[a-z]+://[^/@]*:[^/@]*@" .Values.source -}}
{{- $faults = append $faults "source: expected a URL without user name and password, which everybody who sees the pod could read: give git.token.secret" -}}
{{- end -}}
{{- $fullname := include "lookaside.fullname" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $fullname) -}}
{{- $faults = append $faults (printf "the name of the release makes objects named %q: expected fullnameOverride with small letters, digits and -, and a letter first, as names of Services are" $fullname) -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if or (hasPrefix "LOOKASIDE_" .name) (eq .name "SOURCE") -}}
{{- $faults = append $faults (printf "extraEnv: %s is an option of the program: expected it in config, under its name in docs/configuration.md" .name) -}}
{{- end -}}
{{- end -}}
{{- if not (or (include "lookaside.hasKeys" .) .Values.config.policy .Values.config.keys .Values.config.scopes) -}}
{{- $faults = append $faults "keys are missing: without them nobody knows whose signatures count. Name ConfigMaps with .asc files, as in --set 'keys.configMaps={lookaside-keys}'" -}}
{{- end -}}
{{- $owned := dict
  "source" "source" "notify-secret-file" "notify.signing"
  "listen" "service" "status-listen" "service" "state-dir" "stateGiB" "max-disk" "stateGiB" "max-transfer" "stateGiB"
  "drain" "drainSeconds" "peers" "peers" "webhook-secret-file" "webhook.secret" "tls-cert" "tls.secret" "tls-key" "tls.secret"
  "git-token-file" "git.token" "git-ssh-key-file" "git.ssh" "git-known-hosts-file" "git.ssh" "git-ca-file" "git.ca" -}}
{{- range $option, $value := $owned -}}
{{- if hasKey $.Values.config $option -}}
{{- $faults = append $faults (printf "config.%s is set by the chart: expected the value %s instead" $option $value) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.notify.url.secret (hasKey .Values.config "notify-url") -}}
{{- $faults = append $faults "notify.url.secret and config.notify-url are both given: expected one of them" -}}
{{- end -}}
{{- if and .Values.notify.signing.secret (not (or .Values.notify.url.secret (index .Values.config "notify-url"))) -}}
{{- $faults = append $faults "notify.signing.secret signs what is sent, and nobody is named to send it to: expected notify.url.secret or config.notify-url" -}}
{{- end -}}
{{- $audit := index .Values.config "audit-log" | default "-" -}}
{{- $isKept := eq $audit "-" -}}
{{- range .Values.extraVolumeMounts -}}
{{- if and .mountPath (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $audit) }}{{ $isKept = true }}{{ end -}}
{{- end -}}
{{- if not $isKept -}}
{{- $faults = append $faults (printf "config.audit-log: expected '-', for the log of the pod, or a file below one of extraVolumeMounts, got %q, which could not be written or would be lost with the pod" $audit) -}}
{{- end -}}
{{- if and .Values.tls.secret .Values.tls.servingCertificate -}}
{{- $faults = append $faults "tls.secret and tls.servingCertificate are both given: expected one of them" -}}
{{- end -}}
{{- if and .Values.tls.servingCertificate (not (include "lookaside.isOpenShift" .)) -}}
{{- $faults = append $faults "tls.servingCertificate is made by OpenShift, which this cluster is not: expected tls.secret" -}}
{{- end -}}
{{- if and .Values.git.token.secret (not (hasPrefix "https://" .Values.source)) -}}
{{- $faults = append $faults "git.token.secret is for a source that begins with https://: a token is sent over HTTPS only" -}}
{{- end -}}
{{- if and .Values.git.ssh.secret (regexMatch "^(https?|git)://" .Values.source) -}}
{{- $faults = append $faults "git.ssh.secret is for a source like git@git.example.com:team/signatures.git" -}}
{{- end -}}
{{- with .Values.expose -}}
{{- if and (has .kind (list "Ingress" "HTTPRoute")) (not .host) -}}
{{- $faults = append $faults (printf "expose.host is missing: expected the name by which nodes find the store, as %s needs one" .kind) -}}
{{- end -}}
{{- if and (eq .kind "HTTPRoute") (not .parentRefs) -}}
{{- $faults = append $faults "expose.parentRefs is missing: expected the Gateway, as in --set 'expose.parentRefs[0].name=gateway'" -}}
{{- end -}}
{{- if and .tlsSecret (ne .kind "Ingress") -}}
{{- $faults = append $faults "expose.tlsSecret is for an Ingress: a Route has the router's certificate, and an HTTPRoute that of its Gateway" -}}
{{- end -}}
{{- if eq .kind "Route" -}}
{{- $termination := include "lookaside.termination" $ -}}
{{- if and (eq $termination "edge") (include "lookaside.tlsSecret" $) -}}
{{- $faults = append $faults "expose.termination is edge, with which the router speaks HTTP, and the program speaks TLS: expected reencrypt or passthrough, or no tls" -}}
{{- else if and (ne $termination "edge") (not (include "lookaside.tlsSecret" $)) -}}
{{- $faults = append $faults (printf "expose.termination is %s, for which the program needs a certificate: expected tls.secret or tls.servingCertificate" $termination) -}}
{{- end -}}
{{- if and .destinationCACertificate (ne $termination "reencrypt") -}}
{{- $faults = append $faults "expose.destinationCACertificate is for the termination reencrypt" -}}
{{- end -}}
{{- if and $.Values.webhook.host (eq $termination "passthrough") -}}
{{- $faults = append $faults "webhook.host needs a router that reads paths, and with expose.termination passthrough it cannot: expected reencrypt" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.webhook.host (not .Values.expose.kind) -}}
{{- $faults = append $faults "webhook.host needs expose.kind, which says what leads there" -}}
{{- end -}}
{{- range list "annotations" "className" "tlsSecret" "parentRefs" -}}
{{- if and (index $.Values.webhook .) (not $.Values.webhook.host) -}}
{{- $faults = append $faults (printf "webhook.%s is for webhook.host, which is empty: expected expose.%s for the store" . .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.webhook.tlsSecret (ne .Values.expose.kind "Ingress") -}}
{{- $faults = append $faults "webhook.tlsSecret is for an Ingress: a Route has the router's certificate, and an HTTPRoute that of its Gateway" -}}
{{- end -}}
{{- if and .Values.webhook.host (not .Values.webhook.secret) -}}
{{- $faults = append $faults "webhook.host needs webhook.secret: without a secret there is no webhook" -}}
{{- end -}}
{{- if and .Values.webhook.host (eq .Values.webhook.host .Values.expose.host) -}}
{{- $faults = append $faults "webhook.host is that of the store, which takes the webhook anyway: leave it empty" -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n\n- %s\n" (join "\n- " $faults)) -}}
{{- end -}}
{{- end -}}
