"""Several recipes under the same conditions: same text, tokenizer, budget, seeds and questions, then one table."""
