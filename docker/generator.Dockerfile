# Building, verifying and solving pairs, alone, on a Ray cluster, or as a worker of the service: w1bench[torch,onnx,ray,s3,server,postgres]. Build from the root of a checkout:
#   docker build --file docker/generator.Dockerfile --tag w1bench-generator .
# Without a GPU, name an index that has the CPU build of torch: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
FROM ${PYTHON_IMAGE} AS build
ARG PIP_EXTRA_INDEX_URL
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY datasets datasets
COPY generator generator
COPY server server
RUN python -m venv /opt/w1bench
RUN /opt/w1bench/bin/python -m pip install --no-cache-dir --constraint constraints.txt '.[torch,onnx,ray,s3,server,postgres]'

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/w1bench /opt/w1bench
ENV PATH=/opt/w1bench/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    RAY_USAGE_STATS_ENABLED=0 \
    W1BENCH_ARCHIVE=/archive \
    W1BENCH_HOME=/tmp/w1bench
USER 10001:10001
WORKDIR /tmp
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s CMD ["w1bench", "--help"]
ENTRYPOINT ["w1bench"]
CMD ["--help"]
