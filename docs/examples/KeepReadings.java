import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints the value in force of every reading: java KeepReadings BOOTSTRAP TOPIC.
 *
 * <p>TOPIC is that of a route with {@code format: json}. What is kept is memory here, so it reads from the beginning, up
 * to the present end.
 */
public final class KeepReadings {
  record Kept(String value, long revision, long receivedUs) {
    boolean replaces(Kept old) {
      return old == null || revision > old.revision || (revision == old.revision && receivedUs >= old.receivedUs);
    }
  }

  private static final ObjectMapper JSON = new ObjectMapper();
  private final Map<String, Kept> readings = new TreeMap<>();

  /** Takes over one message: upsert by natural key, the highest (revision, received) stays, retracted entries delete. */
  void take(JsonNode message) {
    String meter = message.path("meter").path("id").asText();
    long revision = message.path("revision").asLong(), received = message.path("time").path("receivedUs").asLong();
    for (JsonNode one : message.path("readings")) {
      String key = key(meter, one, one.path("measuredAtUs").asLong());
      keep(key, new Kept(one.path("value").asText(null), revision, received));
    }
    for (JsonNode block : message.path("intervalBlocks")) {
      long at = block.path("firstIntervalEndUs").asLong(), period = block.path("periodS").asLong() * 1_000_000;
      for (JsonNode value : block.path("values")) {
        keep(key(meter, block, at), new Kept(value.asText(null), revision, received));
        at += period;
      }
    }
    for (JsonNode one : message.path("retracted")) {
      readings.computeIfPresent(
          key(meter, one, one.path("atUs").asLong()), (key, old) -> old.revision() < revision ? null : old);
    }
  }

  private void keep(String key, Kept made) {
    readings.compute(key, (same, old) -> made.replaces(old) ? made : old);
  }

  private static String key(String meter, JsonNode of, long atUs) {
    return String.join("|", meter, of.path("obis").asText(), of.path("attribute").asText("0"),
        of.path("profileObis").asText(), Long.toString(atUs), of.path("occurrence").asText("0"));
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", arguments[0],
        "isolation.level", "read_committed", // what an aborted transaction wrote was never said
        "enable.auto.commit", "false");
    KeepReadings kept = new KeepReadings();
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions = consumer.partitionsFor(arguments[1]).stream()
          .map(each -> new TopicPartition(each.topic(), each.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
          if (record.value() != null) {
            kept.take(JSON.readTree(record.value()));
          }
        }
      }
    }
    kept.readings.forEach((key, one) -> System.out.println(key + "|" + one.value()));
  }
}
