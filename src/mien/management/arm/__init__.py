"""Azure's resource manager for `Microsoft.CognitiveServices/accounts` of kind Face (CONTRACT section 12).

Every subscription and resource group is accepted: they only organise resources. What `mien serve
--dev` and the command line make is filed under `DEFAULT_SUBSCRIPTION` and `DEFAULT_GROUP`.
"""
