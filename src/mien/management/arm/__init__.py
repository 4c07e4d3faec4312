"""Azure's resource manager for `Microsoft.CognitiveServices/accounts` of kind Face (CONTRACT section 12).

Subscriptions and resource groups are taken as given: they file resources and mean nothing else here. What `mien serve
--dev` and the command line make is filed under `DEFAULT_SUBSCRIPTION` and `DEFAULT_GROUP`.
"""
