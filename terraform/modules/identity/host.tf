# What an instance does whatever runs on it: fetch its release, ship logs and metrics, take part in its group's life.

locals {
  host = {
    for tier, daemons in var.tiers : tier => merge(
      {
        FetchReleases = {
          actions   = ["s3:GetObject"]
          resources = ["arn:${local.partition}:s3:::${var.release_bucket}/releases/*"]
        }
        ShipLogs = {
          actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          resources = ["arn:${local.partition}:logs:${local.here}:log-group:/gas/${var.name}/${tier}:*"]
        }
        ShipMetrics = {
          actions   = ["cloudwatch:PutMetricData"]
          resources = ["*"]
          condition = { StringEquals = { "cloudwatch:namespace" = ["CWAgent", "GAS"] } }
          reason    = "Metrics have no ARN; the condition names the namespaces."
        }
        LiveInTheGroup = {
          actions   = ["autoscaling:CompleteLifecycleAction"]
          resources = ["arn:${local.partition}:autoscaling:${local.here}:autoScalingGroup:*:autoScalingGroupName/${var.name}-${tier}"]
        }
        OpenSessions = {
          actions = [
            "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
          ]
          resources = ["*"]
          reason    = "Session Manager's channels have no ARN. It is the only way in: there is no SSH from outside."
        }
      },
      { for key in ["FetchBundles"] : key => {
        actions   = ["s3:GetObject"]
        resources = ["arn:${local.partition}:s3:::${var.release_bucket}/bundles/*"]
      } if length(setintersection(daemons, ["annotate", "doctor", "web"])) > 0 },
    )
  }
}
