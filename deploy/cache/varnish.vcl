# Varnish as a cache in front of Lookaside, 6.6 or newer. How long answers are kept is said by the server,
# so start it with --cache-missing 5s.
vcl 4.1;

import std;

# For several replicas: a backend each, and a director (import directors) in vcl_recv.
backend lookaside {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .first_byte_timeout = 10s;
    .between_bytes_timeout = 10s;
    .probe = {
        .url = "/readyz";
        .interval = 2s;
        .timeout = 1s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

sub vcl_recv {
    # While the server answers, nothing is used that has expired: a new signature would be hidden by the
    # old 404. Once it has failed to answer (a restart), anything is better than a failed pull.
    if (req.restarts == 0 && std.healthy(req.backend_hint)) {
        set req.grace = 0s;
    }
}

sub vcl_backend_response {
    # Also the 503 of a server without a state, which would take the place of what is there.
    if (beresp.status >= 500) {
        return (abandon);
    }
    if (beresp.status == 200 || beresp.status == 404) {
        set beresp.grace = 24h;
    }
}

sub vcl_backend_error {
    return (abandon);
}

sub vcl_synth {
    if (resp.status == 503 && req.restarts == 0 && (req.method == "GET" || req.method == "HEAD")) {
        return (restart);
    }
    if (resp.status == 503) {
        set resp.http.Cache-Control = "no-store";
        set resp.http.Retry-After = "5";
        synthetic("");
        return (deliver);
    }
}
