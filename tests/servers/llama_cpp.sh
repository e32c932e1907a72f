#!/usr/bin/env bash
# A real model server that nobody here wrote: llama.cpp's, built from the llama-cpp-python sdist, with a model of random
# weights. It speaks OpenAI's protocol and Anthropic's; openai-python asks it through the example gateway.
#
#   tests/servers/llama_cpp.sh            builds (about ten minutes on two cores, once), runs the checks
#
# SERVERS_DIR (default: servers/ in the target folder) keeps what was built. Not a part of .ci/run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${SERVERS_DIR:-${CARGO_TARGET_DIR:-$root/target}/servers}
mkdir -p "$work"
work=$(cd "$work" && pwd)
version=0.3.36
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
unset OPENAI_API_KEY OPENAI_BASE_URL

pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done' EXIT

if [ ! -x "$work/venv/bin/python" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet cmake==3.31.6 ninja gguf==0.19.0 numpy openai==3.54.0 httpx
fi
server=$work/llama.cpp/build/bin/llama-server
if [ ! -x "$server" ]; then
  "$work/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$work" "llama-cpp-python==$version" ||
    "$work/venv/bin/pip" download --quiet --no-deps --no-binary llama-cpp-python --dest "$work" "llama-cpp-python==$version"
  tar -xf "$work/llama_cpp_python-$version.tar.gz" -C "$work"
  ln -sfn "$work/llama_cpp_python-$version/vendor/llama.cpp" "$work/llama.cpp"
  PATH=$work/venv/bin:$PATH cmake -S "$work/llama.cpp" -B "$work/llama.cpp/build" -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
  PATH=$work/venv/bin:$PATH cmake --build "$work/llama.cpp/build" --target llama-server -j "$(nproc)"
fi
"$work/venv/bin/python" "$here/tiny_gguf.py" "$work/tiny.gguf"
echo "llama-cpp-python $version, $("$server" --version 2>&1 | head -1), model $(stat -c %s "$work/tiny.gguf") bytes"

port() { "$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
upstream=$(port)
"$server" --model "$work/tiny.gguf" --host 127.0.0.1 --port "$upstream" --jinja --metrics --slots --ctx-size 16384 \
  --parallel 4 >"$work/server.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do
  curl --silent --fail "http://127.0.0.1:$upstream/health" >/dev/null && break
  sleep 0.2
done

cat >"$work/gateway.toml" <<TOML
listen = "127.0.0.1:0"
[[providers]]
name = "llama-openai"
protocol = "openai"
base_url = "http://127.0.0.1:$upstream/v1"
[[providers]]
name = "llama-anthropic"
protocol = "anthropic"
base_url = "http://127.0.0.1:$upstream"
[[models]]
id = "through-openai"
provider = "llama-openai"
upstream = "tiny"
[[models]]
id = "through-anthropic"
provider = "llama-anthropic"
upstream = "tiny"
[[keys]]
id = "alice"
secret = "sk-test-alice"
TOML
cargo build --quiet --release --example gateway --manifest-path "$root/Cargo.toml"
gateway=${CARGO_TARGET_DIR:-$root/target}/release/examples/gateway
"$gateway" --config "$work/gateway.toml" >"$work/gateway.log" 2>&1 &
pids+=($!)
for _ in $(seq 50); do
  grep -q listening "$work/gateway.log" && break
  sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$work/gateway.log")
"$work/venv/bin/python" "$here/check.py" "$url" "http://127.0.0.1:$upstream"
