{{- define "lookaside.probe" -}}
httpGet:
  path: {{ .path }}
  port: store
  scheme: {{ ternary "HTTPS" "HTTP" (ne (include "lookaside.tlsSecret" .root) "") }}
{{- end -}}

{{/* Options as environment variables, which kustomize can replace one by one. */}}
{{- define "lookaside.env" -}}
- name: LOOKASIDE_CONFIG
  value: /etc/lookaside/lookaside.yaml
{{- if not (or .Values.config.keys .Values.config.scopes .Values.config.policy) }}
- name: LOOKASIDE_KEYS
  value: /etc/lookaside/keys
{{- end }}
- name: LOOKASIDE_LISTEN
  value: ':8080'
- name: LOOKASIDE_STATUS_LISTEN
  value: ':8081'
- name: LOOKASIDE_STATE_DIR
  value: /var/lib/lookaside
# While the clone is packed or replaced it may need twice both: 7/8 of the volume.
- name: LOOKASIDE_MAX_DISK
  value: {{ mul .Values.stateGiB 320 }}MiB
- name: LOOKASIDE_MAX_TRANSFER
  value: {{ mul .Values.stateGiB 128 }}MiB
- name: LOOKASIDE_DRAIN
  value: {{ .Values.drainSeconds }}s
{{- if not .Values.config.url }}
{{- with include "lookaside.url" . }}
- name: LOOKASIDE_URL
  value: {{ . }}
{{- end }}
{{- end }}
{{- if .Values.webhook.secret }}
- name: LOOKASIDE_WEBHOOK_SECRET_FILE
  value: /etc/lookaside/webhook/secret
{{- end }}
{{- if include "lookaside.hasPeers" . }}
- name: LOOKASIDE_PEERS
  value: {{ include "lookaside.fullname" . }}-peers
{{- end }}
{{- with .Values.notify.url }}
{{- if .secret }}
- name: LOOKASIDE_NOTIFY_URL
  valueFrom:
    secretKeyRef:
      name: {{ toYaml .secret }}
      key: {{ toYaml .key }}
{{- end }}
{{- end }}
{{- if .Values.notify.signing.secret }}
- name: LOOKASIDE_NOTIFY_SECRET_FILE
  value: /etc/lookaside/notify/secret
{{- end }}
{{- if .Values.git.token.secret }}
- name: LOOKASIDE_GIT_TOKEN_FILE
  value: /etc/lookaside/git-token/token
{{- end }}
{{- if .Values.git.ssh.secret }}
- name: LOOKASIDE_GIT_SSH_KEY_FILE
  value: /etc/lookaside/git-ssh/key
- name: LOOKASIDE_GIT_KNOWN_HOSTS_FILE
  value: /etc/lookaside/git-ssh/known_hosts
{{- end }}
{{- if .Values.git.ca.configMap }}
- name: LOOKASIDE_GIT_CA_FILE
  value: /etc/lookaside/git-ca/ca.crt
{{- end }}
{{- if include "lookaside.tlsSecret" . }}
- name: LOOKASIDE_TLS_CERT
  value: /etc/lookaside/tls/tls.crt
- name: LOOKASIDE_TLS_KEY
  value: /etc/lookaside/tls/tls.key
{{- end }}
{{- end -}}

{{/* Whole volumes, in which kubelet replaces files; but the configuration file, which is read at the start only. */}}
{{- define "lookaside.mounts" -}}
- name: state
  mountPath: /var/lib/lookaside
- name: config
  mountPath: /etc/lookaside/lookaside.yaml
  subPath: lookaside.yaml
  readOnly: true
{{- if include "lookaside.hasKeys" . }}
- name: keys
  mountPath: /etc/lookaside/keys
  readOnly: true
{{- end }}
{{- if .Values.webhook.secret }}
- name: webhook
  mountPath: /etc/lookaside/webhook
  readOnly: true
{{- end }}
{{- if .Values.notify.signing.secret }}
- name: notify
  mountPath: /etc/lookaside/notify
  readOnly: true
{{- end }}
{{- if .Values.git.token.secret }}
- name: git-token
  mountPath: /etc/lookaside/git-token
  readOnly: true
{{- end }}
{{- if .Values.git.ssh.secret }}
- name: git-ssh
  mountPath: /etc/lookaside/git-ssh
  readOnly: true
{{- end }}
{{- if .Values.git.ca.configMap }}
- name: git-ca
  mountPath: /etc/lookaside/git-ca
  readOnly: true
{{- end }}
{{- if include "lookaside.tlsSecret" . }}
- name: tls
  mountPath: /etc/lookaside/tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "lookaside.volumes" -}}
- name: state
  emptyDir:
    sizeLimit: {{ .Values.stateGiB }}Gi
- name: config
  configMap:
    name: {{ include "lookaside.fullname" . }}-config
{{- if include "lookaside.hasKeys" . }}
- name: keys
  projected:
    sources:
      {{- if .Values.keys.inline }}
      - configMap:
          name: {{ include "lookaside.fullname" . }}-inline-keys
      {{- end }}
      {{- range .Values.keys.configMaps }}
      - configMap:
          name: {{ toYaml . }}
      {{- end }}
      {{- range .Values.keys.secrets }}
      - secret:
          name: {{ toYaml . }}
      {{- end }}
{{- end }}
{{- with .Values.webhook }}
{{- if .secret }}
- name: webhook
  secret:
    secretName: {{ toYaml .secret }}
    defaultMode: 288 # 0440
    items:
      - key: {{ toYaml .key }}
        path: secret
{{- end }}
{{- end }}
{{- with .Values.notify.signing }}
{{- if .secret }}
- name: notify
  secret:
    secretName: {{ toYaml .secret }}
    defaultMode: 288 # 0440
    items:
      - key: {{ toYaml .key }}
        path: secret
{{- end }}
{{- end }}
{{- with .Values.git.token }}
{{- if .secret }}
- name: git-token
  secret:
    secretName: {{ toYaml .secret }}
    defaultMode: 288 # 0440
    items:
      - key: {{ toYaml .key }}
        path: token
{{- end }}
{{- end }}
{{- with .Values.git.ssh }}
{{- if .secret }}
- name: git-ssh
  secret:
    secretName: {{ toYaml .secret }}
    defaultMode: 288 # 0440
    items:
      - key: {{ toYaml .key }}
        path: key
      - key: {{ toYaml .knownHostsKey }}
        path: known_hosts
{{- end }}
{{- end }}
{{- with .Values.git.ca }}
{{- if .configMap }}
- name: git-ca
  configMap:
    name: {{ toYaml .configMap }}
    items:
      - key: {{ toYaml .key }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with include "lookaside.tlsSecret" . }}
- name: tls
  secret:
    secretName: {{ toYaml . }}
    defaultMode: 288 # 0440
{{- end }}
{{- end -}}
