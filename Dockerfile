# Sidelight in a container: docs/offering.md says how it is run.
FROM python:3.12-slim

# PyTorch for the CPU, in the versions of requirements-torch.lock, from its own index; with --build-arg TORCH_INDEX= what that file names, with
# CUDA, which an NVIDIA GPU needs (run with --gpus all).
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements*.lock ./
RUN pip install --no-deps --require-hashes -r requirements.lock
RUN if [ -n "$TORCH_INDEX" ]; then \
    pip install --no-deps --index-url "$TORCH_INDEX" $(grep -oE "^(torch|torchvision)==[0-9.]+" requirements-torch.lock); \
    else pip install --no-deps --require-hashes -r requirements-torch.lock; fi
COPY . .
RUN python -m compileall -q app.py core pages

# Nobody in particular, who may write to /data alone: runs, fetched models, caches.
RUN useradd --uid 1000 --home-dir /data --no-log-init sidelight && mkdir -p /data && chown 1000:1000 /data
ENV HOME=/data HF_HOME=/data/hub TORCH_HOME=/data/torch SIDELIGHT_RUNS=/data/runs SIDELIGHT_PUBLIC=1
USER 1000
VOLUME /data

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import os, urllib.request; base = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/'); urllib.request.urlopen(f'http://127.0.0.1:8501/{base + \"/\" if base else \"\"}_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
