using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>Every topic that the product makes: librdkafka's mock cluster does not create any on request.</summary>
internal static class ProductTopics
{
    public static void CreateAll(MockKafkaCluster cluster, int partitions)
    {
        foreach (var topic in LogTopics.Definitions(new LogConfiguration { Partitions = partitions }))
        {
            cluster.CreateTopic(topic.Name, topic.Partitions);
        }

        cluster.CreateTopic(Topics.Evidence, 1);
        cluster.CreateTopic(Topics.DeadLetters(Topics.Findings, "alerting"), 1);
        foreach (var group in Enum.GetValues<Family>().Select(MonitorPlanner.GroupOf).Distinct())
        {
            cluster.CreateTopic(Topics.State(group), partitions);
            cluster.CreateTopic(Topics.DeadLetters(Topics.InferenceEvents, group), partitions);
        }
    }
}
