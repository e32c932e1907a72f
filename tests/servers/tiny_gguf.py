"""Writes a model of under a megabyte: the llama architecture, random weights, a vocabulary of its own. It knows nothing
and says words at random; but a server loads it as it would any other."""

import sys

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, HIDDEN, CONTEXT = 32, 2, 4, 64, 4096
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def byte_names():
    """GPT-2's printable names of the 256 bytes."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    names, spare = {}, 256
    for byte in range(256):
        names[byte] = chr(byte) if byte in plain else chr(spare)
        spare += byte not in plain
    return names


def vocabulary():
    """Special tokens, all bytes, and words, which a random choice hits most of the time."""
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    words = ["Ġ" + first + second for first in syllables for second in syllables[:30]]
    return ["<s>", "</s>", *byte_names().values(), *words]


def main(path):
    random = np.random.default_rng(7)
    tokens = vocabulary()

    def weights(*shape):
        return (random.standard_normal(shape) * 0.5).astype(np.float32)

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    control = [gguf.TokenType.CONTROL] * 2
    writer.add_token_types([*control, *[gguf.TokenType.NORMAL] * (len(tokens) - 2)])
    writer.add_token_merges(["Ġ b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)

    writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH).astype(np.float16))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{name}{part}.weight", weights(WIDTH, WIDTH))
        writer.add_tensor(f"{name}ffn_gate.weight", weights(HIDDEN, WIDTH))
        writer.add_tensor(f"{name}ffn_up.weight", weights(HIDDEN, WIDTH))
        writer.add_tensor(f"{name}ffn_down.weight", weights(WIDTH, HIDDEN))
        writer.add_tensor(f"{name}attn_norm.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}ffn_norm.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1])
