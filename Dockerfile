# The image holds one static binary, the authorities' certificates, and a user
# without rights. Its one volume, /data, holds the configuration and all that
# survives a restart.
#
#   docker build -t tidegate .
#   docker run -v tidegate:/data -p 8080:8080 -e TWILIO_AUTH_TOKEN tidegate
#
# In /data/tidegate.yaml write `listen: {public: "0.0.0.0:8080"}`: within a
# container 127.0.0.1 is nobody else's. The private listener (health, metrics)
# stays on 127.0.0.1:8081 unless the file says otherwise; for probes from
# outside, let it listen on 0.0.0.0:8081 with `private_exposed: true`, publish
# the port to your monitoring only, and ask GET /readyz.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /out/tidegate ./cmd/tidegate
RUN install -d -m 0700 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/tidegate /tidegate
USER 65532:65532
WORKDIR /data
VOLUME /data
# 8080 webhooks, for the carrier; 8081 health and metrics, for nobody outside.
EXPOSE 8080 8081
# SIGTERM ends the daemon: it finishes its commits and exits 0.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/tidegate"]
CMD ["serve", "--config", "/data/tidegate.yaml"]
