# One image with both programs; compose.yaml says which service runs which.
FROM rust:1.95-trixie AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package quarry-worker --package quarry-mcp --bins

FROM debian:trixie-slim
# git tells at which commit a repository was indexed; the certificates are for an embedding endpoint over https.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    # Writable by anybody, because compose.yaml runs the services as the owner of the repositories.
    && install --directory --mode=1777 /var/lib/quarry
COPY --from=build /source/target/release/quarry /source/target/release/quarry-mcp /usr/local/bin/
ENV QUARRY_HOME=/var/lib/quarry
USER 1000:1000
CMD ["quarry", "worker"]
