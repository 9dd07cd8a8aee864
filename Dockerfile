# syntax=docker/dockerfile:1

# What the program needs at run time, in a layer of its own: it changes more rarely than the program.
FROM node:24-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-trixie-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
# Exactly the files that npm would publish; the tarball has them in package/.
RUN npm pack --silent && tar -xzf krafter-push-*.tgz && mkdir data

# No shell and no package manager: run commands with `docker exec <container> /nodejs/bin/node bin/krafter-push.js …`.
FROM gcr.io/distroless/nodejs24-debian13:nonroot
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 KRAFTER_METRICS_PORT=9090 KRAFTER_DATA_DIR=/data
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /src/package ./
# For the embedded database; with PostgreSQL nothing is written to the file system.
COPY --from=build --chown=65532:65532 --chmod=0700 /src/data /data
VOLUME ["/data"]
USER 65532:65532
EXPOSE 8080 9090
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --start-interval=1s \
  CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.KRAFTER_METRICS_PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/nodejs/bin/node", "bin/krafter-push.js"]
CMD ["serve"]
