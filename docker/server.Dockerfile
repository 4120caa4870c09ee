# The service: w1bench[server,postgres], without torch. Build from the root of a checkout:
#   docker build --file docker/server.Dockerfile --tag w1bench-server .
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
FROM ${PYTHON_IMAGE} AS build
ARG PIP_EXTRA_INDEX_URL
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY datasets datasets
COPY generator generator
COPY server server
RUN python -m venv /opt/w1bench
RUN /opt/w1bench/bin/python -m pip install --no-cache-dir --constraint constraints.txt '.[server,postgres]'

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/w1bench /opt/w1bench
ENV PATH=/opt/w1bench/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    W1BENCH_ARCHIVE=/archive \
    W1BENCH_DATA=/data \
    W1BENCH_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 8100
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8100/livez', timeout=5)"]
ENTRYPOINT ["w1bench"]
CMD ["serve"]
