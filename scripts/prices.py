#!/usr/bin/env python3
"""Writes data/prices.txt: what the models of the main providers cost, from models.dev and genai-prices.

    python3 -m venv v && v/bin/pip install genai-prices==0.2.3
    v/bin/python scripts/prices.py PATH/TO/models.dev/.git data/prices.txt tests/golden/prices.tsv

models.dev (https://github.com/anomalyco/models.dev, MIT) is read with its whole history: the newest file of each model that
it ever had, so that retired ids stay. genai-prices (https://github.com/pydantic/genai-prices, MIT) is newer and wins where
the two disagree. The third argument is the
oracle: costs that genai-prices computes for usages of these models.
"""

import datetime
import subprocess
import sys
import tomllib
from decimal import Decimal

from genai_prices import Usage, calc_price, data
from genai_prices.types import TieredPrices, TimeOfDateConstraint

NOW = datetime.datetime.now(datetime.UTC)

# models.dev's name, genai-prices' name.
PROVIDERS = {
    "openai": "openai", "anthropic": "anthropic", "google": "google", "amazon-bedrock": "aws", "azure": "azure",
    "deepseek": "deepseek", "moonshotai": "moonshotai", "mistral": "mistral", "groq": "groq", "xai": "x-ai",
    "togetherai": "together", "fireworks-ai": "fireworks", "perplexity": "perplexity", "cerebras": "cerebras",
    "cohere": "cohere",
}  # fmt: skip

# The classes of tokens: our name, models.dev's, genai-prices'.
CLASSES = [
    ("input", "input", "input_mtok"),
    ("output", "output", "output_mtok"),
    ("cached", "cache_read", "cache_read_mtok"),
    ("write", "cache_write", "cache_write_mtok"),
    ("write1h", None, "cache_write_1h_mtok"),
    ("reasoning", "reasoning", None),
    ("audio_in", "input_audio", "input_audio_mtok"),
    ("audio_out", "output_audio", "output_audio_mtok"),
]


# Ids that neither source has, at the price of another: Claude Sonnet 4 costs on Bedrock in each region what it costs
# globally (https://aws.amazon.com/bedrock/pricing/; regional prices differ from Claude 4.5 on).
SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"
SAME = [("amazon-bedrock", f"{region}{SONNET_4}", f"global.{SONNET_4}") for region in ("", "us.", "eu.")]


def is_id(model):
    return not any(character.isspace() for character in model) and not model.endswith("-")


def git(repository, *words):
    command = ["git", f"--git-dir={repository}", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def newest_files(repository, provider):
    """The newest content of every file that ever was in the provider's folder."""
    folder = f"providers/{provider}/models/"
    log = git(repository, "log", "--no-renames", "--diff-filter=AMD", "--format=%x00%H", "--name-status", "--", folder)
    seen = {}
    for commit in log.split("\0")[1:]:
        sha, *changes = commit.split("\n")
        for status, path in (change.split("\t") for change in changes if change):
            if path.endswith(".toml"):
                seen.setdefault(path.removeprefix(folder).removesuffix(".toml"), (sha, status, path))
    for model, (sha, status, path) in seen.items():
        revision = f"{sha}^" if status == "D" else sha
        yield model, git(repository, "show", f"{revision}:{path}")


def rates(cost):
    return {ours: Decimal(str(cost[theirs])) for ours, theirs, _ in CLASSES if theirs and theirs in cost}


def from_models_dev(repository, provider):
    models = {}
    for model, text in newest_files(repository, provider):
        try:
            cost = tomllib.loads(text, parse_float=Decimal).get("cost")
        except tomllib.TOMLDecodeError:
            continue
        if not cost or "input" not in cost or "output" not in cost:
            continue
        tiers = {}
        for tier in cost.get("tiers", []):
            if tier.get("tier", {}).get("size"):
                tiers[tier["tier"]["size"]] = rates(tier)
        if over := cost.get("context_over_200k"):
            tiers.setdefault(200_000, rates(over))
        models[model] = {0: rates(cost), **tiers}
    return models


def from_genai_prices(provider):
    """The ids that genai-prices names itself, at the prices of today; what it only matches by a pattern has no one name,
    and what depends on the time of the day has no one price."""
    found = {}
    for model in next(one for one in data.providers if one.id == provider).models:
        conditions = model.prices if isinstance(model.prices, list) else []
        if any(isinstance(one.constraint, TimeOfDateConstraint) for one in conditions):
            continue
        prices = model.get_prices(NOW)
        tiers = {0: {}}
        for ours, _, theirs in CLASSES:
            price = getattr(prices, theirs, None) if theirs else None
            if isinstance(price, TieredPrices):
                tiers[0][ours] = price.base
                for tier in price.tiers:
                    tiers.setdefault(tier.start, {})[ours] = tier.price
            elif price is not None:
                tiers[0][ours] = price
        if "input" in tiers[0] and "output" in tiers[0]:
            found[model.id] = tiers
    return found


def merge(models_dev, genai_prices):
    """Both tables. Where they disagree, the newer one is right; it may lack a class of tokens that the other has."""
    merged = dict(models_dev)
    for model, tiers in genai_prices.items():
        other = models_dev.get(model, {0: {}})[0]
        same = all(other.get(name) == tiers[0].get(name) for name in ("input", "output"))
        merged[model] = {**tiers, 0: {**(other if same else {}), **tiers[0]}}
    return merged


def is_claude(model):
    return "claude" in model


def line(provider, model, tiers):
    words = []
    for size, tier in sorted(tiers.items()):
        if size:
            words.append(f">{size}")
        # Anthropic: "1-hour cache write tokens are 2 times the base input tokens price".
        if is_claude(model) and "write" in tier and "write1h" not in tier:
            tier = {**tier, "write1h": tier["input"] * 2}
        words += [f"{name}={plain(tier[name])}" for name, *_ in CLASSES if name in tier]
    return f"{provider}\t{model}\t{' '.join(words)}"


def plain(number):
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


USAGES = [
    {"input_tokens": 1000, "output_tokens": 500},
    {"input_tokens": 12_345, "output_tokens": 1, "cache_read_tokens": 10_000},
    {"input_tokens": 9000, "output_tokens": 70, "cache_read_tokens": 4000, "cache_write_tokens": 3000},
    {"input_tokens": 250_001, "output_tokens": 777},
    {"input_tokens": 300_000, "output_tokens": 4096, "cache_read_tokens": 100_000},
]


def oracle(table):
    """What genai-prices makes of some usages, for models of which both sources say the same; and where they do not."""
    rows, disputed = [], []
    known = {provider: from_genai_prices(theirs) for provider, theirs in PROVIDERS.items()}
    for provider, model in sorted(table):
        theirs = PROVIDERS[provider]
        if not agree(table[provider, model], known[provider].get(model)):
            disputed += [f"{provider}/{model}"] if model in known[provider] else []
            continue
        for usage in USAGES:
            try:
                result = calc_price(Usage(**usage), model_ref=model, provider_id=theirs, genai_request_timestamp=NOW)
            except LookupError:
                break
            if result.model.id != model:
                break
            nano = ((result.input_price + result.output_price) * 10**9).quantize(Decimal(1), rounding="ROUND_HALF_UP")
            figures = [usage.get(name, 0) for name in
                       ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")]  # fmt: skip
            rows.append("\t".join([provider, model, *map(str, figures), f"{nano}"]))
    return rows, disputed


def agree(ours, theirs):
    """Whether two prices are the same in all classes that the usages above have."""

    def essence(tiers):
        base = tiers[0]
        whole = {size: {**base, **tier} for size, tier in tiers.items()}
        return {size: [tier.get(name, tier["input"]) for name in ("input", "cached", "write")] + [tier["output"]]
                for size, tier in whole.items()}  # fmt: skip

    return theirs is not None and essence(ours) == essence(theirs)


def main(repository, output, golden):
    commit, date = git(repository, "log", "-1", "--format=%H %cs").split()
    table = {}
    for provider, theirs in PROVIDERS.items():
        ours = from_models_dev(repository, provider)
        for model, tiers in merge(ours, from_genai_prices(theirs)).items():
            table[provider, model] = tiers
    head = [
        "# What tokens cost: USD for a million of each class. A model is priced as a whole by the tier that its prompt",
        "# exceeds (`>tokens`). Made by scripts/prices.py; do not edit.",
        f"# Sources: models.dev {commit} ({date}) with its history, (c) 2025 models.dev, MIT licence;",
        f"# genai-prices 0.2.3, (c) 2025 Pydantic Services Inc., MIT licence. Written {NOW.date()}.",
    ]
    for provider, model, other in SAME:
        table.setdefault((provider, model), table[provider, other])
    # Zero is what models.dev writes for plans and previews: not a price that anybody could bill with.
    table = {key: tiers for key, tiers in table.items() if any(tiers[0].values()) and is_id(key[1])}
    lines = [line(provider, model, tiers) for (provider, model), tiers in sorted(table.items())]
    with open(output, "w") as file:
        print(*head, *lines, sep="\n", file=file)
    rows, disputed = oracle(table)
    with open(golden, "w") as file:
        print("# provider, model, tokens in all of the prompt, of it cached, of it written, completion, nano-dollars",
              *rows, sep="\n", file=file)  # fmt: skip
    print(f"{len(lines)} prices, {len(rows)} rows of the oracle; {len(disputed)} models on which the sources disagree:")
    print(*disputed, sep="\n")


main(*sys.argv[1:])
