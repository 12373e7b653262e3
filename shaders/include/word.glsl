// What a word is: letters, digits and non-ASCII characters in a row, with single apostrophes (' or U+2019) between them.
// Two kinds of non-ASCII characters end a word: general punctuation and symbols (UTF-8 beginning with E2) and Latin-1
// punctuation (C2). The rules are on bytes, so that they say something about any file.
//
// Needs `text` (u8_in) and `n` (its length in bytes) from the kernel's arguments.
#ifndef WORD_GLSL
#define WORD_GLSL

// The byte at a position; zero, which is no part of a word, outside the text.
uint byte_at(uint at) {
    return at < n ? uint(text.v[at]) : 0u;
}

bool is_continuation(uint c) {
    return (c & 0xc0u) == 0x80u;
}

bool is_letter(uint at) {
    uint c = byte_at(at);
    if (c < 0x80u) {
        uint folded = c | 0x20u;
        return (folded >= 0x61u && folded <= 0x7au) || (c >= 0x30u && c <= 0x39u);
    }
    if (!is_continuation(c)) {
        return c != 0xe2u && c != 0xc2u;
    }
    // Of a separator's bytes? at - 1 wraps around at the text's start, which is outside too.
    uint before = byte_at(at - 1u);
    return before != 0xe2u && before != 0xc2u && !(is_continuation(before) && byte_at(at - 2u) == 0xe2u);
}

// Bytes of the apostrophe that begins at a position: 1, 3 or 0 for none.
uint apostrophe(uint at) {
    if (byte_at(at) == 0x27u) {
        return 1u;
    }
    return byte_at(at) == 0xe2u && byte_at(at + 1u) == 0x80u && byte_at(at + 2u) == 0x99u ? 3u : 0u;
}

bool begins_word(uint at) {
    if (!is_letter(at) || is_letter(at - 1u)) {
        return false;
    }
    if (byte_at(at - 1u) == 0x27u) {
        return !is_letter(at - 2u);
    }
    return !(apostrophe(at - 3u) == 3u && is_letter(at - 4u));
}

// The word's byte at a position, in lower case and with ' for both apostrophes, and steps past it; zero at its end.
uint take(inout uint at) {
    uint c = byte_at(at);
    if (is_letter(at)) {
        at++;
        return c >= 0x41u && c <= 0x5au ? c | 0x20u : c;
    }
    uint joint = apostrophe(at);
    if (joint != 0u && is_letter(at + joint)) {
        at += joint;
        return 0x27u;
    }
    return 0u;
}

bool same_word(uint a, uint b) {
    uint left, right;
    do {
        left = take(a);
        right = take(b);
    } while (left == right && left != 0u);
    return left == right;
}

// FNV-1a, then mixed so that its low bits depend on all of it.
uint hash_word(uint at) {
    uint hash = 0x811c9dc5u;
    for (uint c = take(at); c != 0u; c = take(at)) {
        hash = (hash ^ c) * 0x01000193u;
    }
    hash ^= hash >> 16;
    hash *= 0x7feb352du;
    return hash ^ (hash >> 15);
}
#endif
