"""What is said of BERT, XLNet and their relatives, each sentence measured where the truth is known."""
