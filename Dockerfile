# syntax=docker/dockerfile:1

# The image: the binary, CA certificates and nothing else; no shell, no root.
#   docker build --build-arg SOURCE_COMMIT="$(git rev-parse --short=12 HEAD)" --tag viaduct:0.1.0 .
#   docker run --read-only --cap-drop ALL --publish 8443:8443 viaduct:0.1.0 --entryPoints.websecure.address=:8443 ..

FROM rust:1.95.0-slim-bookworm AS build
# What `viaduct version` says; the repository's history is not in the build.
ARG SOURCE_COMMIT=""
ARG SOURCE_DATE_EPOCH=""
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package viaduct \
    && install -D target/release/viaduct /image/viaduct

FROM gcr.io/distroless/cc-debian12:nonroot
ARG SOURCE_COMMIT=""
LABEL org.opencontainers.image.title="Viaduct" \
      org.opencontainers.image.description="Edge proxy for end-to-end TLS that reads Traefik's configuration" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${SOURCE_COMMIT}"
COPY --from=build /image/viaduct /usr/local/bin/viaduct
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8000 8080 8443
# Asks ping at port 8080, or where a configuration file in /etc/traefik says that it is.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/viaduct", "healthcheck", "--ping=true"]
ENTRYPOINT ["/usr/local/bin/viaduct"]
CMD ["--entryPoints.web.address=:8000", "--entryPoints.websecure.address=:8443", "--ping=true", "--log.level=INFO"]
