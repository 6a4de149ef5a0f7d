locals {
  # one row a graph: title, statistic, metrics as CloudWatch writes them
  graphs = [
    ["Requests", "Sum", [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.front.LoadBalancer]]],
    ["Errors", "Sum", [
      for metric in ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] : ["AWS/ApplicationELB", metric, "LoadBalancer", var.front.LoadBalancer]
    ]],
    ["Seconds to answer", "p99", [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.front.LoadBalancer]]],
    ["Messages waiting", "Maximum", [for name in values(var.queue_names) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]],
    ["Age of the oldest message", "Maximum", [for name in values(var.queue_names) : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name]]],
    ["Instances", "Average", [for group in values(var.groups) : ["AWS/AutoScaling", "GroupInServiceInstances", "AutoScalingGroupName", group.name]]],
    ["Handled", "Sum", [for verb in local.verbs : ["GAS", "handled", "deployment", var.name, "verb", verb]]],
    ["Seconds in the handler", "p99", [for verb in local.verbs : ["GAS", "seconds", "deployment", var.name, "verb", verb]]],
    ["Failed and buried", "Sum", [for pair in setproduct(["failed", "buried"], local.verbs) : ["GAS", pair[0], "deployment", var.name, "verb", pair[1]]]],
    ["Per cent of disk and memory, fullest instance", "Maximum", [
      for pair in setproduct(["disk_used_percent", "mem_used_percent"], var.tiers) : ["CWAgent", pair[0], "Deployment", var.name, "Tier", pair[1]]
    ]],
    ["The doctor", "Maximum", [for metric in ["violations", "repairs"] : ["GAS", metric, "deployment", var.name, "verb", "doctor"]]],
  ]
  verbs = ["annotate", "archive", "restore", "thaw", "notify"]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for n, graph in local.graphs : {
        type   = "metric"
        x      = n % 2 * 12
        y      = floor(n / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = graph[0]
          stat    = graph[1]
          metrics = graph[2]
          period  = 60
          region  = local.region
        }
      }
    ]
  })
}
