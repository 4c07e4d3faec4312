"""Azure Resource Manager for `Microsoft.CognitiveServices/accounts` of kind Face (CONTRACT section 12).

Any subscription and resource group is accepted, because they only organise resources. Resources of `mien serve --dev`
and the command line are in `DEFAULT_SUBSCRIPTION` and `DEFAULT_GROUP`.
"""
