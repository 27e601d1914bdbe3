"""From files to token shards: readers, sentences, tokenizers, the embedded corpus."""
