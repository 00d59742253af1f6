"""Who holds keys: the key store, keys wrapped by it, files that hold secrets.

The edge agent and the normalizer share it, and meet nowhere else but on Kafka.

| module | what |
| --- | --- |
| `keystore` | who wraps and unwraps keys: the `KeyStore` protocol, and one in a file |
| `names` | what names a key without revealing it, and what a wrapped key is bound to |
| `session_key` | the dedicated key of an association, wrapped, as it travels with a raw record |
| `secret_file` | files that nobody but their owner can read |
"""
