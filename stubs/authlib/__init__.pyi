# What Tegnebog uses of Authlib 1.9, which carries no types: its own classes are open where ours narrow them.
