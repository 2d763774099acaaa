#!/usr/bin/env python3
"""Small tokenizers of every kind that the program reads, texts, and what the tokenizers package makes of them.

    make_tokenizers.py --out tokenizers          # some seconds; needs the tokenizers package (0.23 was used)
    make_tokenizers.py --check PROGRAM [--real FILE.json|https://... ...]

With --out it writes, for test_tokenizer:
    records.z       the texts: for each its length (u32, little-endian) and its bytes, which need not be UTF-8
    KIND.json.z     a tokenizer.json, trained on part of the texts
    KIND.expected   for each block of 32 texts the 64-bit FNV-1a hash over their ids: of each text the number of its
                    ids and the ids (u32, little-endian)
Files .z are as Qt's qUncompress() reads them: the length (u32, big-endian), and zlib's stream.

With --check it makes the texts anew from another seed and compares every text's ids with what PROGRAM (the
build's tests/peers/tokenize) gives, for all kinds and for the tokenizer.json files given.
"""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import urllib.request
import zlib

try:
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
except ImportError as missing:
    print(f"skipped: {missing}; 'pip install tokenizers' makes this run")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
BLOCK = 32
VOCABULARY = 1200

# Begin and end of what is drawn from. All are characters of Unicode 13 or older: younger ones PCRE2 does not know.
SCRIPTS = {
    "latin": [(0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)],
    "greek": [(0x391, 0x3A1), (0x3A3, 0x3FF), (0x1F00, 0x1F15), (0x1F80, 0x1FB4)],
    "cyrillic": [(0x400, 0x4FF)],
    "armenian": [(0x531, 0x556), (0x561, 0x587)],
    "hebrew": [(0x5D0, 0x5EA), (0x5B0, 0x5BD)],
    "arabic": [(0x621, 0x652), (0x660, 0x669), (0x6F0, 0x6F9), (0xFE70, 0xFE74), (0xFB50, 0xFBB1)],
    "devanagari": [(0x904, 0x939), (0x93C, 0x94D), (0x958, 0x96F)],
    "bengali": [(0x985, 0x98C), (0x9BE, 0x9C4), (0x9C7, 0x9C8), (0x9CB, 0x9CD), (0x9E6, 0x9F1)],
    "tamil": [(0xB85, 0xB8A), (0xBBE, 0xBC2), (0xBC6, 0xBC8), (0xBCA, 0xBCD)],
    "thai": [(0xE01, 0xE3A), (0xE3F, 0xE5B)],
    "tibetan": [(0xF40, 0xF47), (0xF49, 0xF6C), (0xF71, 0xF84)],
    "hangul": [(0xAC00, 0xD7A3), (0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2)],
    "kana": [(0x3041, 0x3096), (0x3099, 0x309F), (0x30A0, 0x30FF), (0xFF66, 0xFF9F)],
    "han": [(0x4E00, 0x9FA5), (0x3400, 0x3450), (0xF900, 0xFA0D), (0x20000, 0x20020), (0x3000, 0x3011)],
    "marks": [(0x300, 0x34E), (0x61, 0x7A), (0x1DC0, 0x1DCF), (0x20D0, 0x20DC)],
    "compatibility": [(0xFB00, 0xFB06), (0x2460, 0x2473), (0xBC, 0xBE), (0x2150, 0x215E), (0xFF01, 0xFF5E),
                      (0x1D400, 0x1D454), (0x3300, 0x3357), (0x2070, 0x2071), (0x2074, 0x208E), (0xFDFA, 0xFDFB)],
    "symbols": [(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA1, 0xBF), (0x2010, 0x2027),
                (0x2030, 0x205E), (0x20A0, 0x20BF), (0x2190, 0x21FF), (0x2200, 0x22FF)],
    "emoji": [(0x1F600, 0x1F64F), (0x1F300, 0x1F320), (0x1F3FB, 0x1F3FF), (0x200D, 0x200D), (0xFE0F, 0xFE0F),
              (0x1F1E6, 0x1F1FF)],
    "numbers": [(0x30, 0x39), (0x660, 0x669), (0x966, 0x96F), (0x2160, 0x217F), (0x1D7CE, 0x1D7FF), (0xB2, 0xB3)],
    "controls": [(0x0, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x200B, 0x200F), (0xFEFF, 0xFEFF), (0xE000, 0xE003),
                 (0xFFFC, 0xFFFD)],
}
SPACES = [" ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\xa0", "\u1680", "\u180e",
          "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", " " * 24, " " * 25]
SPECIALS = ["<|endoftext|>", "<|padding|>", "<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<left>", "<right>", "<both>",
            "word", "<0x41>", "<0xE2>", "ﬁn", "Ａdd", "▁", "Ġ", "  ", "   "]
ENGLISH = ["it's", "don't", "we'll", "I'd", "they're", "I've", "'S", "'LL", "rock'n'roll", "GPT-4", "e.g.", "3.14159",
           "1,234,567", "0x1F", "http://a.b/c?d=e#f", "foo_bar", "CamelCase", "a+b=c", "…", "—", "“quoted”", "naïve",
           "ﬁne", "Å", "Å", "Å", "①②", "x²", "½", "ſ", "İ", "ß", "ﬀ"]


def characters(rng, script, count):
    pick = rng.choices(SCRIPTS[script], [high - low + 1 for low, high in SCRIPTS[script]], k=count)
    return "".join(chr(rng.randint(low, high)) for low, high in pick)


def sources():
    """Lines of this project's own text and code."""
    lines = []
    for folder, ending in (("resources/docs", ".md"), ("core/evaluate", ".cpp"), ("kernels", ".h"), ("tests", ".py")):
        for place, _, files in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(files):
                if name.endswith(ending):
                    with open(os.path.join(place, name), encoding="utf-8", newline="") as file:
                        lines += file.read().splitlines(keepends=True)
    return lines


def random_text(rng, lines):
    """One text of a random sort."""
    sort = rng.randrange(12)
    if sort < 3:
        return "".join(rng.choice(lines) for _ in range(rng.randint(1, 3)))
    if sort == 3:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 12)))
    parts = []
    for _ in range(rng.randint(1, 8)):
        kind = rng.randrange(10)
        if kind < 4:
            parts.append(characters(rng, rng.choice(list(SCRIPTS)), rng.randint(1, 12)))
        elif kind < 6:
            parts.append(rng.choice(ENGLISH))
        elif kind < 7:
            parts.append(rng.choice(SPECIALS))
        elif kind < 8:
            parts.append(rng.choice(lines).strip()[: rng.randint(1, 40)])
        else:
            parts.append(str(rng.randint(0, 10 ** rng.randint(1, 12))))
        parts.append(rng.choice(SPACES if rng.random() < 0.5 else [" ", ""]))
    return "".join(parts)


def spoilt(rng, data):
    """What is no longer UTF-8."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        sort = rng.randrange(4)
        if sort == 0:
            data[at:at] = rng.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
        elif sort == 1:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
        elif sort == 2:
            del data[at:at + 1]
        elif at < len(data):
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def records(seed, count):
    rng = random.Random(seed)
    lines = sources()
    result = [b"", b" ", b"a", b" a", b"a ", "é".encode(), b"\n", b"\x00"]
    while len(result) < count:
        data = random_text(rng, lines).encode()
        result.append(spoilt(rng, data) if rng.randrange(6) == 0 else data)
    return result


# Kinds -----------------------------------------------------------------------------------------------------------

GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
          r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_level(prefix=False, regex=True):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)


def trained(pre_tokenizer, texts, normalizer=None, special=(), byte_alphabet=True, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special), show_progress=False, max_token_length=16,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if byte_alphabet else [], limit_alphabet=300)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def edited(tokenizer, **changes):
    """The tokenizer with parts of its file replaced."""
    parts = json.loads(tokenizer.to_str())
    for key, value in changes.items():
        if key == "model":
            parts["model"].update(value)
        else:
            parts[key] = value
    return Tokenizer.from_str(json.dumps(parts))


def begins_with(token, tokenizer):
    return processors.TemplateProcessing(single=f"{token} $A", pair=f"{token} $A {token} $B",
                                         special_tokens=[(token, tokenizer.token_to_id(token))])


def neox(texts):
    tokenizer = trained(byte_level(), texts, normalizers.NFC(), ["<|endoftext|>", "<|padding|>"])
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def gpt2_prefix(texts):
    tokenizer = trained(byte_level(prefix=True), texts, special=["<|endoftext|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)])
    return tokenizer


def llama3(texts):
    split = pre_tokenizers.Split(Regex(GPT4), "isolated")
    tokenizer = trained(pre_tokenizers.Sequence([split, byte_level(regex=False)]), texts, special=["<s>", "</s>"],
                        ignore_merges=True)
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), begins_with("<s>", tokenizer)])
    return tokenizer


def tekken(texts):
    split = pre_tokenizers.Split(Regex(TEKKEN), "removed", invert=True)
    return trained(pre_tokenizers.Sequence([split, byte_level(regex=False)]), texts, special=["<unk>", "<s>", "[INST]"])


def llama_like(texts, **model):
    tokenizer = trained(pre_tokenizers.Metaspace(), texts, special=["<unk>", "<s>", "</s>"] + BYTES,
                        byte_alphabet=False, unk_token="<unk>", **model)
    special = [token for token in json.loads(tokenizer.to_str())["added_tokens"] if token["content"] not in BYTES]
    return edited(tokenizer, added_tokens=special)


def mistral(texts):
    """As Codestral-Mamba: no pre-tokenizer at all."""
    tokenizer = llama_like(texts, fuse_unk=True, byte_fallback=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer = edited(tokenizer, pre_tokenizer=None)
    tokenizer.post_processor = begins_with("<s>", tokenizer)
    return tokenizer


def metaspace_first(texts):
    tokenizer = llama_like(texts, fuse_unk=True, byte_fallback=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.post_processor = begins_with("<s>", tokenizer)
    return tokenizer


def metaspace_unknown(texts):
    return llama_like(texts, fuse_unk=False)


def metaspace_fused(texts):
    tokenizer = llama_like(texts, fuse_unk=True)
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    return tokenizer


def falcon(texts):
    """As FalconMamba: steps after ByteLevel see bytes written as characters."""
    return trained(pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), byte_level(), pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]), texts, special=["<|endoftext|>"])


def digits(texts):
    return trained(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()]), texts,
                   normalizers.NFKC())


def added(texts):
    tokenizer = trained(byte_level(), texts, normalizers.Sequence([normalizers.NFKC()]), ["<s>"])
    tokenizer.add_tokens([
        AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False),
        AddedToken("<both>", lstrip=True, rstrip=True), AddedToken("word", single_word=True),
        AddedToken("ﬁn", normalized=True), AddedToken("Ａdd", normalized=False), AddedToken("[INST]", single_word=True),
        AddedToken("  ", normalized=True), AddedToken("it"), AddedToken("it's")])
    return tokenizer


def splits(texts):
    """Every behaviour of Split."""
    steps = [pre_tokenizers.Split(Regex(r"\n+"), "merged_with_previous"), pre_tokenizers.Split(Regex("[A-Z]"),
                                                                                               "merged_with_next"),
             pre_tokenizers.Split(Regex(r"[\p{Han}\p{Hangul}]"), "contiguous"), pre_tokenizers.Split("don", "isolated"),
             pre_tokenizers.Split(Regex(r"\d{2,3}"), "isolated"), pre_tokenizers.Split(Regex(r"\p{M}*"), "isolated"),
             pre_tokenizers.Split("(", "merged_with_previous", invert=True), byte_level(prefix=True, regex=False)]
    return trained(pre_tokenizers.Sequence(steps), texts, normalizers.NFD())


def words(texts):
    return trained(pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), byte_level(regex=False)]), texts,
                   normalizers.Sequence([normalizers.NFKD(), normalizers.Replace(Regex(r"[\u0300-\u036f]"), "")]))


def white_space(texts):
    return trained(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), byte_level(prefix=True)]), texts)


KINDS = {kind.__name__: kind for kind in (
    neox, gpt2_prefix, llama3, tekken, mistral, metaspace_first, metaspace_unknown, metaspace_fused, falcon, digits,
    added, splits, words, white_space)}


def text_of(record):
    return record.decode("utf-8", errors="replace")


def make(kind, data):
    texts = [text_of(record) for record in data[: len(data) // 4]]
    return KINDS[kind](texts)


# Files -----------------------------------------------------------------------------------------------------------

def packed(data):
    return struct.pack(">I", len(data)) + zlib.compress(data, 9)


def hashed(id_lists):
    value = 0xCBF29CE484222325
    for ids in id_lists:
        for byte in struct.pack(f"<{len(ids) + 1}I", len(ids), *ids):
            value = ((value ^ byte) * 0x100000001B3) % 2 ** 64
    return f"{value:016x}"


def write(folder):
    data = records(1, 10400)
    with open(os.path.join(folder, "records.z"), "wb") as file:
        file.write(packed(b"".join(struct.pack("<I", len(record)) + record for record in data)))
    for kind in KINDS:
        tokenizer = make(kind, data)
        with open(os.path.join(folder, f"{kind}.json.z"), "wb") as file:
            file.write(packed(tokenizer.to_str().encode()))
        ids = [tokenizer.encode(text_of(record)).ids for record in data]
        with open(os.path.join(folder, f"{kind}.expected"), "w", encoding="ascii") as file:
            for begin in range(0, len(ids), BLOCK):
                file.write(hashed(ids[begin:begin + BLOCK]) + "\n")
        print(f"{kind:18} {tokenizer.get_vocab_size():5} tokens, {sum(map(len, ids)):8} ids")


def ours(program, file, data):
    with tempfile.NamedTemporaryFile() as texts:
        for record in data:
            texts.write(struct.pack("<I", len(record)) + record)
        texts.flush()
        out = subprocess.run([program, file, texts.name], check=True, stdout=subprocess.PIPE).stdout
    return [[int(word) for word in line.split()] for line in out.decode().split("\n")[:-1]]


def differences(program, name, tokenizer, file, data):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    got = ours(program, file, data)
    different = 0
    for record, ids in zip(data, got, strict=True):
        wanted = tokenizer.encode(text_of(record)).ids
        if ids == wanted:
            continue
        different += 1
        if different <= 3:
            print(f"{name}: {record!r}\n  ours   {ids}\n  theirs {wanted}")
    print(f"{name:18} {len(data)} texts, {sum(map(len, got))} ids: {different or 'none'} different")
    return different


def fetched(source, folder):
    """The file, or what its address gives; none where that cannot be reached."""
    if not source.startswith("https://"):
        return source
    file = os.path.join(folder, "real.json")
    try:
        with urllib.request.urlopen(source, timeout=30) as answer, open(file, "wb") as target:
            target.write(answer.read())
    except OSError as reason:
        print(f"{source} was not compared: {reason}")
        return None
    return file


def check(program, real, seed, count):
    data = records(seed, count)
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            tokenizer = make(kind, data)
            file = os.path.join(folder, kind + ".json")
            tokenizer.save(file)
            different += differences(program, kind, tokenizer, file, data)
        for source in real:
            file = fetched(source, folder)
            if file:
                name = "/".join(source.split("/")[-4:])
                different += differences(program, name, Tokenizer.from_file(file), file, data)
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out")
    parser.add_argument("--check", metavar="PROGRAM")
    parser.add_argument("--real", nargs="*", default=[], metavar="FILE.json|ADDRESS")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--count", type=int, default=10400)
    given = parser.parse_args()
    if given.out:
        write(given.out)
    if given.check:
        sys.exit(1 if check(given.check, given.real, given.seed, given.count) else 0)


if __name__ == "__main__":
    main()
