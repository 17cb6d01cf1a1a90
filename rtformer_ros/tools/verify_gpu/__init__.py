"""Try every packaged model on this machine's GPU: is it right, and how fast is it?"""
