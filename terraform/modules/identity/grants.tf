# What each daemon calls, and on what. A test derives the same table from the code and compares.

locals {
  jobs     = [var.table_arns["jobs"]]
  accounts = [var.table_arns["accounts"]]
  inputs   = ["${var.bucket_arns["inputs"]}/*"]
  results  = ["${var.bucket_arns["results"]}/results/*"]
  archived = ["${var.bucket_arns["results"]}/${var.archive.prefix}*"]

  # a missing object is only told apart from a forbidden one by who may list the bucket
  listing_inputs  = { actions = ["s3:ListBucket"], resources = [var.bucket_arns["inputs"]] }
  listing_results = { actions = ["s3:ListBucket"], resources = [var.bucket_arns["results"]] }

  # the autoscaling groups whose instances run a daemon
  groups = {
    for daemon in local.daemons : daemon => [
      for tier, daemons in var.tiers :
      "arn:${local.partition}:autoscaling:${local.here}:autoScalingGroup:*:autoScalingGroupName/${var.name}-${tier}"
      if contains(daemons, daemon)
    ]
  }

  consume = {
    for name, queue in var.queues : queue.consumer => {
      Consume = {
        actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = [queue.arn]
      }
      # what is to be looked at later: a fresh message in the place of the one that came
      PutOff = { actions = ["sqs:SendMessage"], resources = [queue.arn] }
      Bury = {
        actions   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
        resources = [queue.dead_letter_arn]
      }
    }...
  }
  consuming = { for consumer, statements in local.consume : consumer => merge(statements...) }

  # who waits for long sends itself a fresh message, which eats no receive count
  look_again = {
    for name, queue in var.queues : queue.consumer => {
      Reschedule = { actions = ["sqs:SendMessage"], resources = [queue.arn] }
    }
  }

  # what the archive's methods (store, look, start, bring_back, delete, inventory) call, by backend
  archive = {
    s3 = {
      store = {
        ReadResults  = { actions = ["s3:GetObject"], resources = local.results }
        WriteArchive = { actions = ["s3:AbortMultipartUpload", "s3:PutObject"], resources = local.archived }
      }
      look = {
        LookAtArchive = { actions = ["s3:GetObject"], resources = local.archived }
        ListResults   = local.listing_results
      }
      start = { StartRetrievals = { actions = ["s3:RestoreObject"], resources = local.archived } }
      bring_back = {
        LookAtArchive = { actions = ["s3:GetObject"], resources = local.archived }
        WriteResults  = { actions = ["s3:AbortMultipartUpload", "s3:PutObject"], resources = local.results }
      }
      delete    = { DeleteArchives = { actions = ["s3:DeleteObject"], resources = local.archived } }
      inventory = {}
    }
    glacier = {
      store = {
        ReadResults = { actions = ["s3:GetObject"], resources = local.results }
        WriteArchive = {
          actions = [
            "glacier:AbortMultipartUpload", "glacier:CompleteMultipartUpload", "glacier:InitiateMultipartUpload",
            "glacier:UploadArchive", "glacier:UploadMultipartPart",
          ]
          resources = local.vault
        }
      }
      look  = { LookAtArchive = { actions = ["glacier:DescribeJob"], resources = local.vault } }
      start = { StartRetrievals = { actions = ["glacier:InitiateJob"], resources = local.vault } }
      bring_back = {
        LookAtArchive = { actions = ["glacier:DescribeJob", "glacier:GetJobOutput"], resources = local.vault }
        WriteResults  = { actions = ["s3:AbortMultipartUpload", "s3:PutObject"], resources = local.results }
      }
      delete = { DeleteArchives = { actions = ["glacier:DeleteArchive"], resources = local.vault } }
      inventory = {
        ReadInventory = {
          actions   = ["glacier:GetJobOutput", "glacier:InitiateJob", "glacier:ListJobs"]
          resources = local.vault
        }
      }
    }
  }[var.archive.backend]
  vault = var.archive.vault_arn[*]

  grants = {
    annotate = merge(local.consuming["annotate"], local.look_again["annotate"], local.archive.delete, {
      Jobs         = { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = local.jobs }
      ReadInputs   = { actions = ["s3:GetObject"], resources = local.inputs }
      ListInputs   = local.listing_inputs
      WriteResults = { actions = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"], resources = local.results }
      ListResults  = local.listing_results
      Publish      = { actions = ["sns:Publish"], resources = [var.topic_arns["job_results"]] }
      # a host that cannot work asks its group, and no other one, for another host
      AskForReplacement = { actions = ["autoscaling:SetInstanceHealth"], resources = lookup(local.groups, "annotate", []) }
    })

    archive = merge(local.consuming["archive"], local.look_again["archive"], local.archive.store, local.archive.delete, {
      Jobs          = { actions = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"], resources = local.jobs }
      Accounts      = { actions = ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem"], resources = local.accounts }
      DeleteResults = { actions = ["s3:DeleteObject"], resources = local.results }
      ListResults   = local.listing_results
      Publish       = { actions = ["sns:Publish"], resources = [var.topic_arns["job_results"]] }
    })

    restore = merge(local.consuming["restore"], local.archive.look, local.archive.start, {
      Jobs     = { actions = ["dynamodb:Query", "dynamodb:UpdateItem"], resources = local.jobs }
      Accounts = { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = local.accounts }
      Send = {
        actions   = ["sqs:SendMessage"]
        resources = [for queue in ["archive_requests", "restore_pendings", "restore_requests"] : var.queues[queue].arn]
      }
    })

    thaw = merge(local.consuming["thaw"], local.look_again["thaw"], local.archive.start, local.archive.bring_back, local.archive.delete, {
      Jobs          = { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = local.jobs }
      DeleteResults = { actions = ["s3:DeleteObject"], resources = local.results }
      ListResults   = local.listing_results
      Publish       = { actions = ["sns:Publish"], resources = [var.topic_arns["results_restored"]] }
    })

    notify = merge(local.consuming["notify"], {
      # a mail about files that were sent together is of all their jobs
      Jobs     = { actions = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"], resources = local.jobs }
      Accounts = { actions = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:UpdateItem"], resources = local.accounts }
      # the summary, for what matters in a result
      ReadResults = { actions = ["s3:GetObject"], resources = local.results }
      ListResults = local.listing_results
      SendMail = {
        actions   = ["ses:SendEmail"]
        resources = concat([var.mail.identity_arn, var.mail.configuration_set_arn], var.mail.recipient_arns)
      }
      # what `gas check` asks before the daemon starts
      SeeIdentity = { actions = ["ses:GetEmailIdentity"], resources = [var.mail.identity_arn] }
      SeeStanding = {
        actions   = ["ses:GetAccount"]
        resources = ["*"]
        reason    = "An account's standing at SES has no ARN."
      }
    })

    # it reads all records, sends again what moves those that are overdue, and sweeps
    doctor = merge(local.archive.look, local.archive.delete, local.archive.inventory, {
      Jobs = {
        actions = [
          "dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
        ]
        resources = local.jobs
      }
      # deletions of accounts that broke off are finished here
      Accounts = {
        actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"]
        resources = local.accounts
      }
      Overdue = {
        actions   = ["dynamodb:Query"]
        resources = [for table in ["accounts", "jobs"] : "${var.table_arns[table]}/index/overdue"]
      }
      Inputs        = { actions = ["s3:DeleteObject", "s3:GetObject"], resources = local.inputs }
      ListInputs    = local.listing_inputs
      DeleteResults = { actions = ["s3:DeleteObject"], resources = local.results }
      ListResults   = local.listing_results
      Publish = {
        actions   = ["sns:Publish"]
        resources = [for topic in ["job_requests", "job_results"] : var.topic_arns[topic]]
      }
      Send = {
        actions = ["sqs:SendMessage"]
        # of mails, those before uploaded files are deleted
        resources = [
          for queue in ["archive_requests", "notifications", "restore_pendings", "restore_requests"] : var.queues[queue].arn
        ]
      }
    })

    web = merge(local.archive.delete, {
      Records = {
        actions = [
          "dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
        ]
        resources = concat(local.jobs, local.accounts)
      }
      # presigned uploads and links can do what the role that signed them can
      Inputs      = { actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources = local.inputs }
      ListInputs  = local.listing_inputs
      Results     = { actions = ["s3:DeleteObject", "s3:GetObject"], resources = local.results }
      ListResults = local.listing_results
      Publish     = { actions = ["sns:Publish"], resources = [var.topic_arns["job_requests"]] }
      Send = {
        actions   = ["sqs:SendMessage"]
        resources = [for queue in ["notifications", "restore_requests"] : var.queues[queue].arn]
      }
      # how many jobs wait, and how long results stay
      OpenQueues = {
        actions   = ["sqs:GetQueueAttributes"]
        resources = [for queue in ["archive_requests", "job_requests"] : var.queues[queue].arn]
      }
      OpenDeadLetters = {
        actions   = ["sqs:GetQueueUrl"]
        resources = [for queue in ["archive_requests", "job_requests"] : var.queues[queue].dead_letter_arn]
      }
      }, { for key, arn in var.secret_arns : "ReadSecrets" => {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [arn]
    } if key == "web" })
  }
}
