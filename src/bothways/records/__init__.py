"""Labelled files: from the formats that people and public sets use to records, with every bad row named."""
