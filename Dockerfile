# A static program in an image with nothing else: docker build -t fhirlite .
# The Rust of this image links with musl, statically. packaging/image.js makes the same image without a daemon.
FROM rust:1-alpine AS build
RUN apk add --no-cache ca-certificates gcc musl-dev
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin fhirlite --config profile.release.strip=true
# Temporary files lie in /tmp, and what is imported in /data.
RUN mkdir -p -m 1777 /image/tmp && mkdir -p /image/data /image/etc/ssl/certs \
    && cp target/release/fhirlite LICENSE /image/ \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/

FROM scratch
COPY --from=build /image/ /
USER 65534:65534
WORKDIR /data
EXPOSE 8080
ENTRYPOINT ["/fhirlite"]
CMD ["serve", ":memory:", "/data", "--listen", "0.0.0.0:8080", "--insecure"]
