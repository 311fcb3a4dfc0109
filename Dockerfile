# Backfleet's two images.
#   backfleet            the product: operator, API, recorder, engine `bars` and migrations are commands in one image
#   evaluation-postgres  a Postgres to try Backfleet out (the chart takes any image with Postgres 15 or newer)
#
# BASE_IMAGE needs Python 3.12 or newer with venv, /bin/sh, coreutils and grep; POSTGRES_BASE_IMAGE needs Postgres below
# /usr/lib/postgresql. Where pip finds packages and which CA it trusts comes from the build's environment.
ARG BASE_IMAGE=python:3.13-slim-trixie
ARG POSTGRES_BASE_IMAGE=postgres:17-trixie


FROM ${BASE_IMAGE} AS backfleet
ENV PATH=/opt/backfleet/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/backfleet/app \
    PYTHONUNBUFFERED=1 \
    BACKFLEET_API_CONFIGS=/opt/backfleet/configs
WORKDIR /tmp
CMD ["backfleet-operator"]
# The lock alone: a change of code does not install the dependencies again. pip does not stay, and neither does the async
# twin of the Kubernetes client, a third of everything, which nothing imports. kopf asks for the user's name.
COPY requirements.lock /build/
RUN echo 'backfleet:x:10001:10001:Backfleet:/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'backfleet:x:10001:' >> /etc/group \
    && python3 -m venv /build/pip \
    && python3 -m venv --without-pip /opt/backfleet \
    && /build/pip/bin/pip --python /opt/backfleet/bin/python3 install \
        --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: --no-compile \
        --requirement /build/requirements.lock \
    && rm -rf /build /opt/backfleet/lib/python3*/site-packages/kubernetes/aio \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/backfleet/lib
# The packages of both source roots, side by side.
COPY pyproject.toml operator api /opt/backfleet/app/
# Commands and metadata come from pyproject.toml; the bytecode is made here, since a pod's file system is read-only.
RUN cd /opt/backfleet && python3 -c 'import pathlib, tomllib; \
project = tomllib.loads(pathlib.Path("app/pyproject.toml").read_text())["project"]; \
info = pathlib.Path("app/{name}-{version}.dist-info".format(**project)); \
info.mkdir(); \
info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".format(**project)); \
shim = "#!/opt/backfleet/bin/python3\nimport sys\n\nfrom {} import {}\n\nsys.exit(main())\n"; \
[pathlib.Path("bin", name).write_text(shim.format(*target.split(":"))) for name, target in project["scripts"].items()]; \
[pathlib.Path("bin", name).chmod(0o755) for name in project["scripts"]]' \
    && python3 -m compileall -q --invalidation-mode unchecked-hash app
# What `config_path` of the API leads to, unless a volume is mounted for it.
COPY configs/optimizations /opt/backfleet/configs/optimizations/
USER 10001:10001


FROM ${POSTGRES_BASE_IMAGE} AS evaluation-postgres
WORKDIR /tmp
ENTRYPOINT ["/bin/sh", "/usr/local/bin/start-evaluation-postgres"]
# Postgres takes SIGTERM as "wait for every client to leave"; this one ends their sessions.
STOPSIGNAL SIGINT
# initdb asks for the user's name; the chart runs it as 999, which is `postgres` in the official image.
RUN getent passwd 999 >/dev/null || { \
        echo 'backfleet:x:999:999:Backfleet:/tmp:/usr/sbin/nologin' >> /etc/passwd \
        && { getent group 999 >/dev/null || echo 'backfleet:x:999:' >> /etc/group; } \
        && install -d -o 999 -g 999 -m 0700 /var/lib/backfleet; }
COPY helm/backfleet/files/evaluation-postgres.sh /usr/local/bin/start-evaluation-postgres
USER 999:999
