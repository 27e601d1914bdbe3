"""Fine-tuning: from a pretrained model and labelled records to a model that does a task, with its scores."""
