//! The part of `--help` about install options.

/// Groups of options, the ones most used of each, and examples.
pub(super) const OPTIONS: &str = "\
Install options are Traefik's, read from ONE source, the first that exists:
  1. a file: --configFile=FILE, or traefik.{toml,yaml,yml} in /etc/traefik, $XDG_CONFIG_HOME,
     $HOME/.config or the current directory
  2. flags: --entryPoints.web.address=:80 (letters in any case; lists with commas; a switch alone means true)
  3. environment: TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80 (or VIADUCT_...)
`viaduct options` lists every option and what becomes of it; <name> is a name of yours.

Entry points:
  --entryPoints.<name>.address=:443             Where to listen: [host]:port
  --entryPoints.<name>.asDefault                Serve routers that name no entry point
  --entryPoints.<name>.http.tls                 TLS on for routers that do not say
  --entryPoints.<name>.http.tls.options=NAME    TLS options of those routers
  --entryPoints.<name>.forwardedHeaders.trustedIPs=CIDR,...
                                                Whose X-Forwarded-* headers are believed
  --entryPoints.<name>.transport.respondingTimeouts.{readTimeout,writeTimeout,idleTimeout}=60s
  --entryPoints.<name>.transport.lifeCycle.graceTimeOut=10s

Providers:
  --providers.file.filename=FILE                Routers, services, middlewares, certificates
  --providers.file.directory=DIR                The same, in many files
  --providers.http.endpoint=URL                 The same, asked for again and again

Backend leg (services that name no serversTransport):
  --serversTransport.rootCAs=FILE,...           CAs of the backends
  --serversTransport.forwardingTimeouts.dialTimeout=30s

Seeing what happens:
  --api --ping                                  API and dashboard; health check
  --log.level=INFO --log.format=json            The program's own log, on standard error
  --accessLog --accessLog.format=json           One line a request
  --metrics.prometheus --tracing.otlp           Metrics; traces

Viaduct's own:
  --viaduct.workers=N                           Worker threads [default: the CPUs it may run on]
  --viaduct.exposeFaults                        Tell the client why its request failed

Examples:
  viaduct --configFile=/etc/traefik/traefik.yml
  viaduct --entryPoints.websecure.address=:443 --entryPoints.websecure.http.tls \\
          --providers.file.filename=routes.yml --accessLog
  viaduct up manifests/                         Serve Kubernetes YAML from a directory
  viaduct demo                                  The whole bridge on this machine";
