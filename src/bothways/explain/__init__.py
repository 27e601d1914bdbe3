"""The page that shows how each objective sees one sentence: masks, orders, and what trained models say."""
