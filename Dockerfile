# The app in a container: docs/serving.md. For a GPU the machine needs NVIDIA's container toolkit;
# torch brings CUDA itself.
FROM python:3.12-slim

# Models that are fetched and what runs cost stay in /data; uploads and results, for an hour, in /tmp.
ENV HF_HOME=/data/huggingface GANAPPS_CACHE=/data/ganapps PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements.txt requirements-ray.txt ./
ARG WITH_RAY=
RUN pip install --no-cache-dir -r requirements.txt ${WITH_RAY:+-r requirements-ray.txt}
COPY app.py README.md LICENSE ./
COPY ganapps ganapps
COPY weights weights

# Nobody's files but its own: not root.
RUN useradd --create-home --uid 1000 ganapps && mkdir /data && chown ganapps /data
USER ganapps
VOLUME /data
EXPOSE 7860
# `exec` form: SIGTERM reaches the app, which tidies up and ends with 0.
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
