# The app as an image: docker build -t bnviz . && docker run --rm -p 8501:8501 bnviz
#
# It needs no privilege: any uid, a read-only root with a tmpfs on /tmp, no capability (compose.yaml).
# Build arguments:
#   PYTHON_IMAGE  another base with Python 3.11 or later, and pip, on its PATH
#   TORCH_INDEX   where PyTorch's CPU build is looked for first; empty: only pip's own index is asked
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim

FROM ${PYTHON_IMAGE}

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

WORKDIR /app

# First what changes least. The bytecode that pip writes stays: without it every start compiles it anew, in
# memory on a read-only root, and takes twice as long. What only their developers use goes: 0.3 GB of tests, of
# headers to compile against, and of programs in torch/bin but the one that torch looks for when it is imported.
COPY requirements.txt constraints.txt ./
COPY scripts/tasks.py scripts/
RUN python scripts/tasks.py install-here "${TORCH_INDEX}" \
    && rm -rf scripts \
    && site="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && find "$site" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
    && rm -rf "$site/torch/include" \
    && find "$site/torch/bin" -type f ! -name torch_shm_manager -delete

COPY LICENSE app.py ./
COPY .streamlit .streamlit
COPY pages pages
COPY bnviz bnviz
COPY deploy/healthcheck.py deploy/
# Bytecode that asks no file's time stamp, so that it also fits files that were checked out later.
RUN python -m compileall -q --invalidation-mode unchecked-hash app.py bnviz deploy \
    && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin bnviz

# One thread a calculation: the trainings of many visitors share the cores already.
ENV HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501

USER 10001:10001
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/app/deploy/healthcheck.py"]

LABEL org.opencontainers.image.title="bnviz" \
      org.opencontainers.image.description="Internal covariate shift and batch normalization, live: twin networks train side by side" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim"

CMD ["python", "-m", "bnviz", "serve"]
