#!/usr/bin/env bash
# The real clients: openai-python and openai-node, pinned, through the example gateway to a scripted provider that
# speaks every provider's protocol. Installs what it needs; leaves nothing running and the work tree untouched.
#
#   tests/clients/run.sh                       build the gateway, run everything
#   tests/clients/run.sh -k disconnect         the same, with arguments for pytest; openai-node is skipped
#   GATEWAY_BIN=path/to/gateway tests/clients/run.sh      a gateway that is built already
#
# CLIENTS_DIR (default: clients/ in the target folder) keeps the installed packages between runs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${CLIENTS_DIR:-${CARGO_TARGET_DIR:-$root/target}/clients}
mkdir -p "$work"
work=$(cd "$work" && pwd)

export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 NO_COLOR=1
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
# A developer's own settings must not steer the clients.
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_LOG

pids=()
stop() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap stop EXIT

install_system_packages() {
  local missing=()
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "install these first: ${missing[*]}" >&2
    exit 1
  fi
  apt-get update -qq </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
}

# Installs again only when the list of packages changed.
install_python_packages() {
  cmp -s "$here/requirements.txt" "$work/venv/requirements.txt" && return 0
  rm -rf "$work/venv"
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$work/venv/"
}

# Node finds packages beside the importing file, so the suite is run from a copy beside them.
install_node_packages() {
  mkdir -p "$work/node"
  local fresh=no
  cmp -s "$here/node/package-lock.json" "$work/node/installed.json" && fresh=yes
  cp "$here"/node/* "$work/node/"
  [ "$fresh" = no ] || return 0
  (cd "$work/node" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
  cp "$here/node/package-lock.json" "$work/node/installed.json"
}

# Sets $GATEWAY_BIN; cargo itself says where the example went.
build_gateway() {
  cargo build --manifest-path "$root/Cargo.toml" --example gateway --message-format=json-render-diagnostics \
    >"$work/build.jsonl"
  GATEWAY_BIN=$(sed -n 's|.*"executable":"\([^"]*/examples/gateway\)".*|\1|p' "$work/build.jsonl" | tail -n 1)
}

# start NAME COMMAND…: runs it in the background and sets $url from its line "listening on http://HOST:PORT".
start() {
  local name=$1 log=$work/$1.log
  shift
  : >"$log" # now, not when the child gets round to it: the last run's address is in there
  "$@" </dev/null >>"$log" 2>&1 &
  pids+=($!)
  local _
  for _ in $(seq 200); do
    url=$(sed -n 's/^listening on \(http:.*\)$/\1/p' "$log" | head -n 1)
    [ -z "$url" ] || return 0
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "$name did not start:" >&2
  cat "$log" >&2
  exit 1
}

write_gateway_toml() {
  cat <<EOF
listen = "127.0.0.1:0"

[[providers]]
name = "openai"
protocol = "openai"
base_url = "$UPSTREAM_URL/v1"
api_key = "provider-secret"

[[providers]]
name = "claude"
protocol = "anthropic"
base_url = "$UPSTREAM_URL"
api_key_env = "CLIENTS_ANTHROPIC_KEY"

[[providers]]
name = "gemini"
protocol = "gemini"
base_url = "$UPSTREAM_URL"
api_key = "provider-secret"

[[providers]]
name = "bedrock"
protocol = "bedrock"
base_url = "$UPSTREAM_URL"
region = "eu-west-1"
access_key_id = "AKIDEXAMPLE"
secret_access_key = "provider-secret"

[[providers]]
name = "azure"
protocol = "azure"
base_url = "$UPSTREAM_URL"
api_key = "provider-secret"

[[providers]]
name = "azure-v1"
protocol = "azure"
base_url = "$UPSTREAM_URL/openai/v1"
api_key = "provider-secret"
EOF
  local profile
  for profile in deepseek groq mistral moonshot openrouter perplexity sglang xai; do
    printf '\n[[providers]]\nname = "%s"\nprotocol = "openai"\nprofile = "%s"\n' "$profile" "$profile"
    printf 'base_url = "%s/v1"\napi_key = "provider-secret"\n' "$UPSTREAM_URL"
  done
  cat <<EOF

[[keys]]
id = "alice"
secret = "sk-test-alice"
models = ["*"]

[[keys]]
id = "bob"
secret = "sk-test-bob"
models = ["gpt-*"]

# Thirty requests at once, and one more each two seconds.
[[keys]]
id = "carol"
secret = "sk-test-carol"
rpm = 30

# Less money than one answer costs.
[[keys]]
id = "dave"
secret = "sk-test-dave"
budget_usd = 0.000001

[[models]]
id = "mini"
provider = "openai"
upstream = "gpt-4o-mini"
EOF
  local model
  for model in gpt-4o-mini gpt-5; do
    printf '\n[[models]]\nid = "%s"\nprovider = "openai"\nprice = { input = 0.15, output = 0.6 }\n' "$model"
  done
  printf '\n[[models]]\nid = "unpriced"\nprovider = "openai"\n'
  for model in claude-sonnet-4-20250514 claude-sonnet-4-5 claude-sonnet-4-6; do
    printf '\n[[models]]\nid = "%s"\nprovider = "claude"\n' "$model"
  done
  # Each with its provider, and its name there if that is another.
  while read -r model provider upstream; do
    printf '\n[[models]]\nid = "%s"\nprovider = "%s"\nupstream = "%s"\n' "$model" "$provider" "${upstream:-$model}"
  done <<'EOF'
gemini-2.5-flash gemini
gemini-3-pro-preview gemini
anthropic.claude-sonnet-4-20250514-v1:0 bedrock
amazon.nova-2-lite-v1:0 bedrock
my-profile bedrock arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123xyz
az-mini azure my-dep
az-mini-v1 azure-v1 my-dep
deepseek-chat deepseek
llama-3.3-70b-versatile groq
magistral-medium mistral
kimi-k2.5 moonshot
some/model openrouter
sonar perplexity
q sglang
grok-3-mini xai
EOF
}

# step TITLE COMMAND…: runs it and says how long it took. Must not be part of a condition: there `set -e` is off.
step() {
  local title=$1 begin=$SECONDS
  shift
  "$@"
  echo "clients: $title, $((SECONDS - begin)) s"
}

# suite TITLE COMMAND…: the same, but a failure is only noted, so that the next suite runs too.
suite() {
  local title=$1 begin=$SECONDS
  shift
  "$@" </dev/null || failed=1
  echo "clients: $title, $((SECONDS - begin)) s"
}

step "system packages" install_system_packages
step "openai-python installed" install_python_packages
step "openai-node installed" install_node_packages
if [ -z "${GATEWAY_BIN:-}" ]; then step "gateway built" build_gateway; fi

start upstream "$work/venv/bin/python" "$here/upstream"
export UPSTREAM_URL=$url
export CLIENTS_ANTHROPIC_KEY=provider-secret
write_gateway_toml >"$work/gateway.toml"
start gateway "$GATEWAY_BIN" --config "$work/gateway.toml"
export GATEWAY_URL=$url

failed=0
suite "openai-python" "$work/venv/bin/python" -m pytest -q --tb=short -p no:cacheprovider "$here/python" "$@"
if [ $# -eq 0 ]; then
  suite "openai-node" node --test --test-reporter=spec "$work/node/openai.test.mjs"
fi
if [ $failed != 0 ]; then
  echo "--- the gateway's last words:" >&2
  tail -n 40 "$work/gateway.log" >&2
fi
exit $failed
