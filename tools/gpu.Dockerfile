# kgan with CUDA's libraries, for NVIDIA's container toolkit: docker run --gpus=all. Nobody has built it yet.
#
#   docker build -f tools/gpu.Dockerfile -t kgan-gpu .
#   docker run --rm --gpus=all -v "$PWD/runs:/work/runs" kgan-gpu train --model=dcgan_fast --dataset=digits --workdir=runs/digits
FROM python:3.13-slim
WORKDIR /src
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY kgan kgan
RUN pip install --no-cache-dir ".[gpu]"
WORKDIR /work
ENTRYPOINT ["kgan"]
